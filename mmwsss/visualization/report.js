// The gallery of the report: maps with a threshold to move beside the masks, in an order to choose.
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const OPACITY = .5;
const ORDERS = {
  given: () => 0,
  worst: (a, b) => first(a.score, b.score),
  best: (a, b) => -first(a.score, b.score, true),
  doubt: (a, b) => -first(a.doubt, b.doubt, true),
  alarm: (a, b) => -first(a.falseAlarm, b.falseAlarm, true),
  name: (a, b) => a.name.localeCompare(b.name),
};
const seen = new Set();   // rows in or near the window: only these are drawn
const watch = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const row = data.rows[entry.target.dataset.index];
    if (entry.isIntersecting) {
      seen.add(row);
      draw(row);
    } else {
      seen.delete(row);
    }
  }
}, { rootMargin: '400px' });

/** Compare two figures; missing ones come last, whether or not the order is turned round. */
function first(a, b, turned = false) {
  if (a === null || b === null) return ((a === null) - (b === null)) * (turned ? -1 : 1);
  return a - b;
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** What a row says in words. */
function facts(row) {
  const parts = [];
  if (row.score !== null) parts.push(`IoU ${row.score.toFixed(3)}`);
  if (row.falseAlarm !== null) parts.push(`wrongly marked ${percent(row.falseAlarm)}`);
  if (row.doubt !== null) parts.push(`undecided ${percent(row.doubt)}`);
  if (row.labels.length) parts.push(`label ${row.labels.join(', ')}`);
  return parts.join(', ');
}

/** An element with a text; texts never become markup. */
function element(name, text = '', kind = '') {
  const node = document.createElement(name);
  node.textContent = text;
  if (kind) node.className = kind;
  return node;
}

function tile(row, name, node) {
  const figure = element('figure');
  const caption = element('figcaption', name);
  figure.append(node, caption);
  row.tiles.append(figure);
  row.captions[name] = caption;
  return node;
}

function canvasOf(row, name) {
  const canvas = element('canvas');
  canvas.width = row.width;
  canvas.height = row.height;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${row.name}, ${name}`);   // more once it is drawn
  return canvas;
}

/** Make the list item of a row, without drawing its masks. */
function build(row, index) {
  row.item = element('li');
  row.item.dataset.index = index;
  const title = element('h3', `${row.name} `);
  if (row.group && row.group !== 'sample') title.append(element('span', `${row.group}, `, `group-${row.group.replace(' ', '-')}`));
  title.append(element('span', facts(row)));
  row.tiles = element('div', '', 'tiles');
  row.captions = {};
  const picture = element('img');
  picture.src = row.picture;
  picture.alt = `${row.name}, the picture`;
  picture.width = row.width;
  picture.height = row.height;
  row.image = tile(row, 'picture', picture);
  row.canvases = {};
  if (row.maps.length) {
    row.canvases.map = tile(row, 'map', canvasOf(row, 'map'));
    row.canvases.cut = tile(row, 'map at the threshold', canvasOf(row, 'map at the threshold'));
  }
  for (const name of Object.keys(row.masks)) row.canvases[name] = tile(row, name, canvasOf(row, name));
  row.item.append(title, row.tiles);
}

/** Decode what a row needs, once. */
async function decode(row) {
  const greys = await Promise.all(row.maps.map((map) => loadGrey(map.png)));
  await row.image.decode();
  row.stretched = greys.map((grey, i) => ({ value: row.maps[i].value, values: stretch(grey, row.width, row.height) }));
  row.decoded = {};
  for (const [name, runs] of Object.entries(row.masks)) row.decoded[name] = decodeRuns(runs, row.width * row.height);
}

async function draw(row) {
  row.ready ||= decode(row);
  await row.ready;
  if (!row.painted) {
    for (const [name, mask] of Object.entries(row.decoded)) paint(row, name, mask);
    row.painted = true;
  }
  drawMap(row);
}

function paint(row, name, mask) {
  const canvas = row.canvases[name], context = canvas.getContext('2d');
  context.imageSmoothingEnabled = true;
  context.drawImage(row.image, 0, 0, row.width, row.height);
  stamp(context, paintMask(mask, row.width, row.height, data.colours, OPACITY), row.width, row.height, false);
  canvas.setAttribute('aria-label', `${row.name}, ${name}: ${describe(mask)}`);
}

/** How much of a mask each class has. */
function describe(mask) {
  const counts = new Map();
  for (const value of mask) counts.set(value, (counts.get(value) || 0) + 1);
  const parts = data.classes.filter(({ value }) => counts.has(value))
    .map(({ value, name }) => `${name} ${percent(counts.get(value) / mask.length)}`);
  return parts.join(', ') || 'nothing';
}

/** The maps that are looked at: of the chosen class, or of all. */
function chosenMaps(row) {
  const value = Number($('class').value);
  return value ? row.stretched.filter((map) => map.value === value) : row.stretched;
}

function drawMap(row) {
  if (!row.maps.length) return;
  const maps = chosenMaps(row), count = row.width * row.height;
  const highest = new Float32Array(count);
  for (const map of maps) for (let i = 0; i < count; i++) highest[i] = Math.max(highest[i], map.values[i]);
  const context = row.canvases.map.getContext('2d');
  context.drawImage(row.image, 0, 0, row.width, row.height);
  stamp(context, paintHeat(highest, row.width, row.height), row.width, row.height, false);
  row.canvases.map.setAttribute('aria-label', `${row.name}, map, highest value ${(highest.reduce((a, b) => Math.max(a, b), 0) / 255).toFixed(2)}`);
  const mask = cut(maps, 255 * Number($('threshold').value), count);
  paint(row, 'cut', mask);
  row.cutMask = mask;
  const truth = row.decoded['ground truth'];
  const iou = truth ? overlap(mask, truth) : null;
  row.captions['map at the threshold'].textContent = 'map at the threshold' + (iou === null ? '' : `, IoU ${iou.toFixed(3)}`);
  row.canvases.cut.setAttribute('aria-label', `${row.name}, map at the threshold: ${describe(mask)}`);
}

/** Foreground IoU of the chosen class, or mean over the classes that are there; 255 in the truth counts nowhere. */
function overlap(mask, truth) {
  const wanted = Number($('class').value);
  const both = {}, either = {}, there = new Set();
  for (let i = 0; i < mask.length; i++) {
    if (truth[i] === 255) continue;
    const a = mask[i], b = truth[i];
    if (b) there.add(b);
    if (a) either[a] = (either[a] || 0) + 1;
    if (b && b !== a) either[b] = (either[b] || 0) + 1;
    if (a && a === b) both[a] = (both[a] || 0) + 1;
  }
  const values = [...there].filter((value) => !wanted || value === wanted);
  return values.length ? values.reduce((sum, value) => sum + (both[value] || 0) / either[value], 0) / values.length : null;
}

function arrange() {
  const camera = $('camera').value;
  const rows = data.rows.filter((row) => !camera || row.camera === camera).sort(ORDERS[$('sort').value]);
  watch.disconnect();
  seen.clear();
  $('gallery').replaceChildren(...rows.map((row) => row.item));
  for (const row of rows) watch.observe(row.item);
  $('state').textContent = `${rows.length} of ${data.rows.length} pictures.`;
}

function redraw() {
  $('threshold-now').textContent = Number($('threshold').value).toFixed(2);
  for (const row of seen) if (row.painted) drawMap(row);
}

for (const { value, name } of data.classes) $('class').add(new Option(name, value));
for (const camera of [...new Set(data.rows.map((row) => row.camera))].sort()) if (camera) $('camera').add(new Option(camera, camera));
$('sort').onchange = arrange;
$('camera').onchange = arrange;
$('class').onchange = redraw;
$('threshold').oninput = redraw;
$('controls').onsubmit = () => false;
$('nothing').hidden = data.rows.length > 0;
$('controls').hidden = !data.rows.length;
if (data.rows.every((row) => row.score === null)) {
  for (const order of ['worst', 'best', 'alarm']) $('sort').querySelector(`[value=${order}]`).disabled = true;
}
data.rows.forEach(build);
redraw();
arrange();
