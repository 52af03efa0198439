// Pictures from files, the clipboard or the things to try, onto the slate.

import {SIZE, changed, cover, keep, pen} from "/drawing.js";
import {complain} from "/looking.js";

const find = id => document.getElementById(id);
const FILE = 40e6;            // bytes of a picture file, at most

// Things to try, in the 28 x 28 pixels of the data set.
const THINGS = {
  "T-shirt": "M10 4Q14 7 18 4L22 6L27 12L23 15L21 13L21 25L7 25L7 13L5 15L1 12L6 6Z",
  "Trousers": "M9 2L19 2L21 26L16 26L14 9L12 26L7 26Z",
  "Dress": "M11 2L12 5L16 5L17 2L18 2L18 12L22 26L6 26L10 12L10 2Z",
  "Sneaker": "M2 13L4 12Q6 14 9 13L12 10L20 15L25 16Q27 17 27 20L2 20Z",
  "Bag": "M4 11L8 11Q9 4 14 4Q19 4 20 11L24 11L26 24L2 24ZM10 11L18 11Q17.5 6 14 6Q10.5 6 10 11Z",
  "Ankle boot": "M3 4L12 4L13 14L23 18Q26 19 26 24L10 24L9 21L8 24L3 24Z",
};

// The color of the background: that of the corners; for transparent pixels black or white,
// whichever differs more from the others.
function background(image) {
  const small = new OffscreenCanvas(64, 64).getContext("2d");
  small.drawImage(image, 0, 0, 64, 64);
  const {data} = small.getImageData(0, 0, 64, 64);
  let sum = 0, weight = 0, isOpaque = true;
  for (let i = 0; i < data.length; i += 4) {
    sum += (0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]) * data[i + 3];
    weight += data[i + 3];
    isOpaque &&= data[i + 3] > 250;
  }
  if (!isOpaque) return sum > 127 * weight ? [0, 0, 0] : [255, 255, 255];
  const corners = [0, 63, 64 * 63, 64 * 64 - 1].map(i => data.slice(4 * i, 4 * i + 3));
  return [0, 1, 2].map(c => corners.map(rgb => rgb[c]).sort((a, b) => a - b))
    .map(values => (values[1] + values[2]) / 2);
}

async function show(file) {
  let image;
  try {
    if (!file.type.startsWith("image/") || file.size > FILE) throw new TypeError();
    image = await createImageBitmap(file);
  } catch {
    return complain("This file is not a picture that the browser can read.");
  }
  keep();
  cover(...background(image));
  const scale = SIZE / Math.max(image.width, image.height);
  const width = image.width * scale, height = image.height * scale;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, (SIZE - width) / 2, (SIZE - height) / 2, width, height);
  image.close();
  changed(false);
}

find("open").addEventListener("click", () => find("file").click());
find("file").addEventListener("change", event => {
  if (event.target.files.length) show(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("paste", event => {
  const file = [...event.clipboardData.files].find(one => one.type.startsWith("image/"));
  if (file) show(file);
});
document.addEventListener("dragover", event => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", event => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", event => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files.length) show(event.dataTransfer.files[0]);
  else complain("Only a picture file can be dropped here.");
});

for (const [name, path] of Object.entries(THINGS)) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 28 28");
  svg.setAttribute("aria-hidden", "true");
  const outline = document.createElementNS(space, "path");
  outline.setAttribute("d", path);
  outline.setAttribute("fill-rule", "evenodd");
  svg.append(outline);
  const button = document.createElement("button");
  button.type = "button";
  button.title = name;
  button.setAttribute("aria-label", name);
  button.append(svg);
  button.addEventListener("click", () => {
    keep();
    cover(0, 0, 0);
    pen.save();
    pen.scale(SIZE / 28, SIZE / 28);
    pen.fillStyle = "#d0d0d0";
    pen.fill(new Path2D(path), "evenodd");
    pen.restore();
    changed(false);
  });
  const item = document.createElement("li");
  item.append(button);
  find("tries").append(item);
}
