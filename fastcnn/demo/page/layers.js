// Draws the output of each layer, in the colors of the current color scheme.

const find = id => document.getElementById(id);
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));

// Microseconds as text.
export const time = us =>
  us < 1000 ? `${us.toFixed(us < 10 ? 1 : 0)} µs` : `${(us / 1000).toFixed(2)} ms`;

export function drawSeen({shape: [height, width], bytes: text}) {
  const canvas = find("seen").querySelector("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(colored(bytes(text), width, height, grays), 0, 0);
  find("seen").hidden = false;
}

const grays = Uint8Array.from({length: 768}, (_, i) => i / 3);

// The 256 colors from that of small outputs to that of large ones, in the current color scheme.
function mapColors() {
  const style = getComputedStyle(document.documentElement);
  const stops = ["--map-low", "--map-middle", "--map-high"].map(name => {
    const value = parseInt(style.getPropertyValue(name).trim().slice(1), 16);
    return [value >> 16, value >> 8 & 255, value & 255];
  });
  return Uint8Array.from({length: 768}, (_, i) => {
    const x = Math.floor(i / 3) / 127.5, from = stops[x < 1 ? 0 : 1], to = stops[x < 1 ? 1 : 2];
    return from[i % 3] + (to[i % 3] - from[i % 3]) * (x < 1 ? x : x - 1);
  });
}

function colored(values, width, height, colors) {
  const image = new ImageData(width, height);
  values.forEach((value, i) => {
    image.data.set([colors[3 * value], colors[3 * value + 1], colors[3 * value + 2], 255], 4 * i);
  });
  return image;
}

export function drawLayers(layers) {
  const box = find("layers"), colors = mapColors();
  find("inside").hidden = false;
  while (box.children.length > layers.length) box.lastChild.remove();
  layers.forEach((layer, index) => {
    const figure = box.children[index] ?? box.appendChild(newFigure());
    const shown = layer.shape.join(" × ");
    figure.querySelector("h3").textContent = layer.name;
    figure.querySelector(".shape").textContent = `${layer.kind}, ${shown}`;
    figure.querySelector(".time").textContent = time(layer.microseconds);
    const canvas = figure.querySelector("canvas");
    canvas.setAttribute("aria-label", `Output of ${layer.name}: ${shown}`);
    drawLayer(canvas, layer, colors, box.clientWidth);
  });
}

function newFigure() {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  for (const [tag, kind] of [["h3", ""], ["span", "shape"], ["span", "time"]]) {
    const element = document.createElement(tag);
    element.className = kind;
    caption.append(element);
  }
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  figure.className = "layer";
  figure.append(caption, canvas);
  return figure;
}

// Maps in rows of the same number for all layers; the units of a dense layer as stripes.
function drawLayer(canvas, layer, colors, available) {
  const values = bytes(layer.bytes), isImage = layer.shape.length === 3;
  const [height, width] = isImage ? layer.shape : [1, 1];
  const count = values.length / (height * width);
  const perRow = isImage ? (available < 560 ? 8 : 16) : count;
  const ratio = window.devicePixelRatio, gap = count > 200 ? 0 : Math.ceil(ratio);
  const enlarge = isImage && count === 1 ? 2 : 1;
  const step = available * ratio / perRow;
  const tall = isImage ? step * height / width : 36 * ratio;
  const columns = Math.min(perRow, count), rows = Math.ceil(count / perRow);
  canvas.width = Math.round(step * columns * enlarge);
  canvas.height = Math.round(tall * rows * enlarge);
  canvas.style.width = `${canvas.width / ratio}px`;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  const all = new OffscreenCanvas(width, height * count);
  all.getContext("2d").putImageData(colored(values, width, height * count, colors), 0, 0);
  for (let k = 0; k < count; k++) {
    const [left, right] = [k % perRow, k % perRow + 1].map(i => Math.round(i * step * enlarge));
    const row = Math.floor(k / perRow);
    const [top, bottom] = [row, row + 1].map(i => Math.round(i * tall * enlarge));
    context.drawImage(all, 0, k * height, width, height,
      left, top, right - left - gap, bottom - top - gap);
  }
}
