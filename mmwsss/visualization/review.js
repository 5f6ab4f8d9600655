// The review page: look at a mask, mend it, judge it, and take the corrections away as a file.
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const STORE = 'mmwsss-review:' + data.run;   // one place in the browser's store for each run of make_pseudo
const UNDO_STEPS = 40;
const VERDICTS = { accept: 'accepted', reject: 'rejected', wrong_label: 'wrong label' };

const work = loadWork();           // what the reviewer did, by image name: {verdict, runs, seconds}
const histories = {};              // by image name: what undo and redo go back to
let index = 0;                     // of the image that is shown
let open = null;                   // the shown image: {image, mask, picture, maps, undo, redo, preview}
let tool = 'brush', zoom = 1, scale = 1;
let stroke = null;                 // where the pointer was, while it paints
let cross = null;                  // the keyboard's cross {x, y}, while it is in use
let opened = Date.now();
let turn = 0;                      // counts openings, so that a slow picture does not replace a later one

// ---------------------------------------------------------------- what is kept

function loadWork() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) || {};
  } catch (error) {
    return {};
  }
}

function saveWork() {
  try {
    localStorage.setItem(STORE, JSON.stringify(work));
  } catch (error) {
    say('The browser cannot keep more. Download the corrections now: your work is lost when the page closes.');
  }
}

/** What stands for one image, as the reviewer left it. */
function entry(image) {
  return work[image.name] || {};
}

function remember(changes) {
  const image = open.image;
  const seconds = Math.round((entry(image).seconds || 0) + (Date.now() - opened) / 1000);
  opened = Date.now();
  work[image.name] = { ...entry(image), ...changes, seconds };
  saveWork();
  showState();
}

// ---------------------------------------------------------------- an image

async function show(number) {
  index = (number + data.images.length) % data.images.length;
  const image = data.images[index], mine = ++turn;
  const count = image.width * image.height;
  const [picture, ...maps] = await Promise.all([loadPicture(image.picture), ...image.maps.map((map) => loadGrey(map.png))]);
  if (mine !== turn) return;
  open = {
    image, picture, preview: null, ...(histories[image.name] ||= { undo: [], redo: [] }),
    mask: decodeRuns(entry(image).runs || image.runs, count),
    maps: maps.map((map, i) => ({ value: image.maps[i].value, values: stretch(map, image.width, image.height) })),
  };
  opened = Date.now();
  cross = null;
  scale = Math.max(1, Math.min(4, Math.floor(1024 / Math.max(image.width, image.height))));
  $('canvas').width = image.width * scale;
  $('canvas').height = image.height * scale;
  $('image').value = index;
  const without = !open.maps.length;
  $('no-maps').hidden = !without;
  for (const id of ['threshold', 'use-threshold', 'show-map']) $(id).disabled = without;
  const first = image.maps.length ? image.maps[0].value : 1;
  $('class').value = data.values.some((row) => row.value === first) ? first : data.values[0].value;
  setZoom(zoom);
  showState();
}

function setZoom(value) {
  zoom = Math.max(1, Math.min(8, value));
  const { width, height } = open.image, frame = $('frame');
  const room = Math.max(frame.clientWidth, 200), tall = Math.max(window.innerHeight - 220, 240);
  const fit = Math.min(room / width, tall / height, 6);
  $('canvas').style.width = Math.floor(width * fit * zoom) + 'px';
  $('canvas').style.height = Math.floor(height * fit * zoom) + 'px';
  $('zoom-out').disabled = zoom === 1;
  $('zoom-in').disabled = zoom === 8;
}

function pressed(id) {
  return $(id).getAttribute('aria-pressed') === 'true';
}

function press(id, on) {
  $(id).setAttribute('aria-pressed', String(on));
}

function draw() {
  const { image, picture, maps } = open, canvas = $('canvas'), context = canvas.getContext('2d');
  context.imageSmoothingEnabled = true;
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const map = maps.find((row) => row.value === Number($('class').value)) || maps[0];
  if (pressed('show-map') && map) stamp(context, paintHeat(map.values, image.width, image.height), canvas.width, canvas.height, true);
  if (pressed('show-mask')) {
    const pixels = paintMask(open.preview || open.mask, image.width, image.height, data.colours, Number($('opacity').value));
    stamp(context, pixels, canvas.width, canvas.height, false);
  }
  if (cross) drawCross(context);
}

function drawCross(context) {
  const x = (cross.x + .5) * scale, y = (cross.y + .5) * scale, radius = Number($('diameter').value) * scale / 2;
  for (const [colour, width] of [['#000', 4], ['#fff', 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.moveTo(x - 12, y);
    context.lineTo(x + 12, y);
    context.moveTo(x, y - 12);
    context.lineTo(x, y + 12);
    context.stroke();
  }
}

/** Everything around the picture that tells how things stand. */
function showState() {
  const { image } = open, now = entry(image), total = data.images.length;
  const judged = data.images.filter((row) => entry(row).verdict).length;
  const unjudged = data.images.filter((row) => entry(row).runs && !entry(row).verdict).length;
  $('progress').value = judged / total;
  $('counts').textContent = `${judged} of ${total} judged` + (unjudged ? `, ${unjudged} painted without a verdict` : '');
  for (const verdict of Object.keys(VERDICTS)) press(verdict, now.verdict === verdict);
  press('brush', tool === 'brush');
  press('eraser', tool === 'eraser');
  $('undo').disabled = !open.undo.length;
  $('redo').disabled = !open.redo.length;
  $('original').disabled = !now.runs;
  $('use-threshold').disabled = !open.preview;
  $('diameter-now').textContent = $('diameter').value;
  $('threshold-now').textContent = Number($('threshold').value).toFixed(2);
  data.images.forEach((row, i) => {
    const { verdict, runs } = entry(row);
    const state = [verdict && VERDICTS[verdict], runs && 'painted'].filter(Boolean).join(', ');
    $('image').options[i].textContent = `${i + 1}. ${row.name}` + (state ? ` (${state})` : '');
  });
  const shares = data.values.map((row) => [row.name, share(open.preview || open.mask, row.value)]).filter((row) => row[1] > 0);
  const text = shares.map(([name, part]) => `${name} ${(100 * part).toFixed(1)} %`).join(', ') || 'nothing';
  $('about').textContent = `Label: ${image.labels.join(', ') || 'no class'}. ${open.preview ? 'At this threshold' : 'Mask'}: ${text}.`;
  $('canvas').setAttribute('aria-label', `${image.name}, ${image.width} by ${image.height} pixels. ${$('about').textContent}`);
  draw();
}

function share(mask, value) {
  let count = 0;
  for (const pixel of mask) count += pixel === value;
  return count / mask.length;
}

// ---------------------------------------------------------------- changes, each of which can be undone

function snapshot() {
  return { runs: encodeRuns(open.mask), verdict: entry(open.image).verdict };
}

/** Before a change: keep how things stand. */
function step() {
  open.undo.push(snapshot());
  if (open.undo.length > UNDO_STEPS) open.undo.shift();
  open.redo.length = 0;
}

function same(runs, others) {
  return runs.length === others.length && runs.every((value, i) => value === others[i]);
}

/** After a change of the mask: keep it where it differs from the one that make_pseudo left. */
function keepMask(changes = {}) {
  const runs = encodeRuns(open.mask);
  remember({ runs: same(runs, open.image.runs) ? undefined : runs, ...changes });
}

function restore(from, to) {
  if (!from.length) return;
  to.push(snapshot());
  const { runs, verdict } = from.pop();
  open.preview = null;
  open.mask = decodeRuns(runs, open.mask.length);
  keepMask({ verdict });
}

function judge(verdict) {
  if (stroke) return;
  step();
  const again = entry(open.image).verdict === verdict;   // pressed twice: taken back
  remember({ verdict: again ? undefined : verdict });
  say(again ? `${open.image.name}: verdict taken back` : `${open.image.name}: ${VERDICTS[verdict]}`);
  if (again) return;
  const ahead = data.images.map((_, i) => (index + 1 + i) % data.images.length);
  const next = ahead.find((i) => !entry(data.images[i]).verdict);
  if (next !== undefined) show(next);
}

function useThreshold() {
  if (!open.preview) return;
  step();
  open.mask = open.preview;
  open.preview = null;
  keepMask();
}

function preview() {
  if (!open.maps.length) return;
  open.preview = cut(open.maps, 255 * Number($('threshold').value), open.mask.length);
  press('show-mask', true);
  showState();
}

function original() {
  step();
  open.preview = null;
  open.mask = decodeRuns(open.image.runs, open.mask.length);
  keepMask();
}

/** Paint a round spot at a pixel (its centre may lie between pixels). */
function spot(x, y) {
  const { width, height } = open.image, radius = Number($('diameter').value) / 2;
  const value = tool === 'eraser' ? 0 : Number($('class').value);
  for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(height - 1, Math.ceil(y + radius)); row++) {
    for (let column = Math.max(0, Math.floor(x - radius)); column <= Math.min(width - 1, Math.ceil(x + radius)); column++) {
      const dx = column + .5 - x, dy = row + .5 - y;
      if (dx * dx + dy * dy <= radius * radius) open.mask[row * width + column] = value;
    }
  }
}

/** Paint from one point to another without gaps. */
function line(from, to) {
  const parts = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / Math.max(Number($('diameter').value) / 4, .5)));
  for (let i = 0; i <= parts; i++) spot(from.x + (to.x - from.x) * i / parts, from.y + (to.y - from.y) * i / parts);
}

/** Where a pointer is, in pixels of the mask. */
function place(event) {
  const box = $('canvas').getBoundingClientRect();
  return {
    x: (event.clientX - box.left) / box.width * open.image.width,
    y: (event.clientY - box.top) / box.height * open.image.height,
  };
}

$('canvas').addEventListener('pointerdown', (event) => {
  if (event.button !== 0 || !open) return;
  $('canvas').setPointerCapture(event.pointerId);
  step();
  open.preview = null;
  cross = null;
  press('show-mask', true);
  stroke = place(event);
  line(stroke, stroke);
  draw();
});
$('canvas').addEventListener('pointermove', (event) => {
  if (!stroke) return;
  for (const part of event.getCoalescedEvents ? event.getCoalescedEvents() : [event]) {
    const to = place(part);
    line(stroke, to);
    stroke = to;
  }
  draw();
});
for (const name of ['pointerup', 'pointercancel']) {
  $('canvas').addEventListener(name, () => {
    if (!stroke) return;
    stroke = null;
    keepMask();
  });
}

/** Arrow keys and space on the picture. */
function keyOnCanvas(event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const { width, height } = open.image;
  cross = cross || { x: Math.floor(width / 2), y: Math.floor(height / 2) };
  if (moves[event.key]) {
    const by = event.shiftKey ? 1 : Math.max(1, Math.round(Number($('diameter').value) / 2));
    cross.x = Math.max(0, Math.min(width - 1, cross.x + by * moves[event.key][0]));
    cross.y = Math.max(0, Math.min(height - 1, cross.y + by * moves[event.key][1]));
    draw();
  } else if (event.key === ' ') {
    step();
    open.preview = null;
    spot(cross.x + .5, cross.y + .5);
    keepMask();
  } else {
    return false;
  }
  return true;
}

// ---------------------------------------------------------------- what is taken away

function corrections() {
  return {
    kind: 'mmwsss-review', version: 1, run: data.run, classes: data.classes,
    images: data.images.filter((image) => entry(image).verdict).map((image) => {
      const { verdict, runs, seconds } = entry(image);
      const row = { name: image.name, checksum: image.checksum, verdict, seconds };
      return verdict === 'accept' && runs ? { ...row, runs } : row;
    }),
  };
}

function download() {
  const content = corrections();
  if (!content.images.length) {
    say('Nothing is judged yet. Accept, reject or mark images first.');
    return;
  }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content)], { type: 'application/json' }));
  link.download = 'corrections.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`Corrections of ${content.images.length} images were downloaded.`);
}

function startOver() {
  if (!window.confirm('Forget all verdicts and paintings of this review?')) return;
  for (const kept of [work, histories]) for (const name of Object.keys(kept)) delete kept[name];
  saveWork();
  show(0);
}

function say(text) {
  $('message').textContent = text;
}

// ---------------------------------------------------------------- controls

function choose(name) {
  tool = name;
  showState();
}

function toggle(id) {
  if ($(id).disabled) return;
  press(id, !pressed(id));
  draw();
}

function resize(by) {
  $('diameter').value = Number($('diameter').value) + by;
  showState();
}

const ACTIONS = {
  a: () => judge('accept'), r: () => judge('reject'), w: () => judge('wrong_label'),
  b: () => choose('brush'), e: () => choose('eraser'), '[': () => resize(-2), ']': () => resize(2),
  z: () => restore(open.undo, open.redo), y: () => restore(open.redo, open.undo),
  t: useThreshold, m: () => toggle('show-mask'), h: () => toggle('show-map'),
  '+': () => setZoom(zoom * 2), '-': () => setZoom(zoom / 2), d: download,
  n: () => show(index + 1), p: () => show(index - 1), ArrowRight: () => show(index + 1), ArrowLeft: () => show(index - 1),
};
document.addEventListener('keydown', (event) => {
  if (!open || stroke) return;
  const command = event.ctrlKey || event.metaKey;
  if (event.altKey || (command && !['z', 'y'].includes(event.key.toLowerCase()))) return;
  if (document.activeElement === $('canvas') && !command && keyOnCanvas(event)) {
    event.preventDefault();
    return;
  }
  const control = document.activeElement.tagName;
  if (control === 'SELECT' || (control === 'INPUT' && event.key.startsWith('Arrow'))) return;
  let key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === 'z' && event.shiftKey) key = 'y';
  if (key === 'Escape' && open.preview) {
    open.preview = null;
    showState();
  } else if (ACTIONS[key]) {
    event.preventDefault();
    ACTIONS[key]();
  }
});

for (const verdict of Object.keys(VERDICTS)) $(verdict).onclick = () => judge(verdict);
$('previous').onclick = () => show(index - 1);
$('next').onclick = () => show(index + 1);
$('image').onchange = () => show(Number($('image').value));
$('brush').onclick = () => choose('brush');
$('eraser').onclick = () => choose('eraser');
$('undo').onclick = () => restore(open.undo, open.redo);
$('redo').onclick = () => restore(open.redo, open.undo);
$('original').onclick = original;
$('class').onchange = () => choose('brush');
$('diameter').oninput = showState;
$('threshold').oninput = preview;
$('use-threshold').onclick = useThreshold;
$('show-mask').onclick = () => toggle('show-mask');
$('show-map').onclick = () => toggle('show-map');
$('opacity').oninput = draw;
$('zoom-in').onclick = () => setZoom(zoom * 2);
$('zoom-out').onclick = () => setZoom(zoom / 2);
$('download').onclick = download;
$('clear').onclick = startOver;
window.addEventListener('resize', () => open && setZoom(zoom));

for (const [i, image] of data.images.entries()) $('image').add(new Option(image.name, i));
for (const { name, value } of data.values) $('class').add(new Option(name, value));
const begin = data.images.findIndex((image) => !entry(image).verdict);
show(begin < 0 ? 0 : begin);
