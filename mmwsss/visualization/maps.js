// Masks and maps as arrays: what the report and the review page share.
'use strict';

/** A mask (Uint8Array) from value, length, value, length, ... row by row. */
function decodeRuns(runs, count) {
  const mask = new Uint8Array(count);
  let place = 0;
  for (let i = 0; i < runs.length; i += 2) {
    mask.fill(runs[i], place, place + runs[i + 1]);
    place += runs[i + 1];
  }
  return mask;
}

/** The inverse of decodeRuns. */
function encodeRuns(mask) {
  const runs = [];
  let start = 0;
  for (let i = 1; i <= mask.length; i++) {
    if (i === mask.length || mask[i] !== mask[start]) {
      runs.push(mask[start], i - start);
      start = i;
    }
  }
  return runs;
}

/** The picture behind a data address, decoded. */
function loadPicture(address) {
  return new Promise((resolve, reject) => {
    const picture = new Image();
    picture.onload = () => resolve(picture);
    picture.onerror = () => reject(new Error('a picture inside the page cannot be read'));
    picture.src = address;
  });
}

/** The grey values (0 to 255) of a PNG: {width, height, values}. An opaque grey PNG keeps every value on a canvas. */
async function loadGrey(address) {
  const picture = await loadPicture(address);
  const canvas = document.createElement('canvas');
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const rgba = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const values = new Uint8Array(canvas.width * canvas.height);
  for (let i = 0; i < values.length; i++) values[i] = rgba[4 * i];
  return { width: canvas.width, height: canvas.height, values };
}

/** A map stretched to another size, bilinear between the centres of its cells, as PyTorch's align_corners=False. */
function stretch(map, width, height) {
  const out = new Float32Array(width * height);
  const sx = map.width / width, sy = map.height / height;
  for (let y = 0; y < height; y++) {
    const v = Math.min(Math.max((y + .5) * sy - .5, 0), map.height - 1);
    const y0 = Math.floor(v), y1 = Math.min(y0 + 1, map.height - 1), fy = v - y0;
    for (let x = 0; x < width; x++) {
      const u = Math.min(Math.max((x + .5) * sx - .5, 0), map.width - 1);
      const x0 = Math.floor(u), x1 = Math.min(x0 + 1, map.width - 1), fx = u - x0;
      const top = map.values[y0 * map.width + x0] * (1 - fx) + map.values[y0 * map.width + x1] * fx;
      const bottom = map.values[y1 * map.width + x0] * (1 - fx) + map.values[y1 * map.width + x1] * fx;
      out[y * width + x] = top * (1 - fy) + bottom * fy;
    }
  }
  return out;
}

/** The mask of stretched maps: where the highest one reaches the threshold (0 to 255) its pixel value, else 0. */
function cut(maps, threshold, count) {
  const mask = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    let best = -1;
    for (const map of maps) {
      if (map.values[i] > best && map.values[i] >= threshold) {
        best = map.values[i];
        mask[i] = map.value;
      }
    }
  }
  return mask;
}

/** Colours over a picture: classes half transparent, inside a white line with a dark one around it. */
function paintMask(mask, width, height, colours, opacity) {
  const pixels = new ImageData(width, height);
  const data = new Uint32Array(pixels.data.buffer);  // ABGR, as every browser's machine has it
  const fills = colours.map(([r, g, b]) => (Math.round(opacity * 255) << 24 | b << 16 | g << 8 | r) >>> 0);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const value = mask[i];
      const edge = (x > 0 && mask[i - 1] !== value) || (x < width - 1 && mask[i + 1] !== value)
        || (y > 0 && mask[i - width] !== value) || (y < height - 1 && mask[i + width] !== value);
      if (value) data[i] = edge ? 0xffffffff : fills[value];
      else if (edge) data[i] = 0xb0000000;
    }
  }
  return pixels;
}

/** A map over a picture: dark blue over red to yellow, more opaque where it is higher. */
function paintHeat(values, width, height) {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < values.length; i++) {
    const t = values[i] / 255;
    pixels.data[4 * i] = 255 * Math.min(1, Math.max(0, 1.6 * t));
    pixels.data[4 * i + 1] = 255 * Math.max(0, 1.8 * t - .8);
    pixels.data[4 * i + 2] = 255 * Math.max(0, .45 - Math.abs(t - .3));
    pixels.data[4 * i + 3] = 90 + 100 * t;
  }
  return pixels;
}

/** Put pixels on a canvas of another size, cell by cell. */
function stamp(context, pixels, width, height, smooth) {
  const canvas = document.createElement('canvas');
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.getContext('2d').putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = smooth;
  context.drawImage(canvas, 0, 0, width, height);
}
