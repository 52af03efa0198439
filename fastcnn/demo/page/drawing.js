// The slate: drawing with a mouse, a finger, a pen or the keyboard, and what can be undone.

const find = id => document.getElementById(id);
export const slate = find("paper");
export const pen = slate.getContext("2d", {willReadFrequently: true});
export const SIZE = slate.width;
const UNDO = 20;              // steps that can be undone

let earlier = [];             // what the slate was before each step
let isEmpty = true;
let colors = {};              // {ground, ink}: of the eraser and of the pen
let stroke = null;            // {points, image}: of the stroke that is being drawn

const tool = () => document.querySelector("input[name=tool]:checked").value;
const penWidth = () => Number(find("width").value);

function choose(name) {
  document.querySelector(`input[name=tool][value=${name}]`).checked = true;
}

export function keep() {
  earlier.push([pen.getImageData(0, 0, SIZE, SIZE), isEmpty, colors]);
  if (earlier.length > UNDO) earlier.shift();
}

export function changed(empty) {
  isEmpty = empty;
  find("hint").hidden = !empty;
  find("undo").disabled = earlier.length === 0;
  find("clear").disabled = empty;
  slate.dispatchEvent(new CustomEvent("change", {detail: {isEmpty}}));
}

// Cover the slate with a color, on which the pen can be seen.
export function cover(red, green, blue) {
  const isLight = 0.299 * red + 0.587 * green + 0.114 * blue > 127;
  colors = {ground: `rgb(${red} ${green} ${blue})`, ink: isLight ? "#000" : "#fff"};
  pen.fillStyle = colors.ground;
  pen.fillRect(0, 0, SIZE, SIZE);
}

function clear() {
  if (isEmpty) return;
  keep();
  cover(0, 0, 0);
  changed(true);
}

function undo() {
  if (earlier.length === 0) return;
  const [image, empty, before] = earlier.pop();
  colors = before;
  pen.putImageData(image, 0, 0);
  changed(empty);
}

function begin(point) {
  keep();
  stroke = {points: [point], image: pen.getImageData(0, 0, SIZE, SIZE), tool: tool()};
  draw();
}

function proceed(point) {
  stroke.points.push(point);
  draw();
}

function end() {
  stroke = null;
}

function draw() {
  const {points, image, tool} = stroke;
  pen.putImageData(image, 0, 0);
  pen.strokeStyle = pen.fillStyle = tool === "eraser" ? colors.ground : colors.ink;
  pen.lineWidth = tool === "fill" ? 6 : penWidth();
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...points[0]);
  for (const point of points) pen.lineTo(...point);
  if (points.length === 1) pen.lineTo(points[0][0] + 0.01, points[0][1]);  // a dot
  pen.stroke();
  if (tool === "fill") pen.fill();
  changed(false);
}

function position(event) {
  const box = slate.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top].map(value => value / box.width * SIZE);
}

slate.addEventListener("pointerdown", event => {
  if (event.button !== 0 || stroke) return;
  event.preventDefault();
  slate.focus({focusVisible: false});
  slate.setPointerCapture(event.pointerId);
  hideCursor();
  begin(position(event));
});
slate.addEventListener("pointermove", event => {
  if (!stroke || !slate.hasPointerCapture(event.pointerId)) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) stroke.points.push(position(one));
  draw();
});
for (const name of ["pointerup", "pointercancel"]) slate.addEventListener(name, end);
find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);

// --------------------------------------------------------------------------------- keyboard

const cursor = find("cursor");
let spot = [SIZE / 2, SIZE / 2];
let isDown = false;

function showCursor() {
  const scale = slate.clientWidth / SIZE;
  const width = Math.max(penWidth() * scale, 8);
  cursor.hidden = false;
  cursor.classList.toggle("down", isDown);
  Object.assign(cursor.style, {
    width: `${width}px`, height: `${width}px`,
    left: `${spot[0] * scale}px`, top: `${spot[1] * scale}px`,
  });
}

function hideCursor() {
  cursor.hidden = true;
  if (isDown) end();
  isDown = false;
}

slate.addEventListener("blur", hideCursor);
slate.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = event.shiftKey ? 48 : 12;
  const move = {
    ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
  };
  if (event.key === " ") {
    isDown = !isDown;
    if (isDown) begin([...spot]);
    else end();
  } else if (event.key in move) {
    spot = spot.map((value, axis) => Math.min(Math.max(value + move[event.key][axis], 0), SIZE));
    if (isDown) proceed([...spot]);
  } else return;
  event.preventDefault();
  showCursor();
});

document.addEventListener("keydown", event => {
  if (event.altKey || event.defaultPrevented) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key !== "z" || event.shiftKey) return;
    undo();
  } else if (key === "b") choose("brush");
  else if (key === "f") choose("fill");
  else if (key === "e") choose("eraser");
  else if (key === "o") find("open").click();
  else if (key === "delete" || key === "backspace") clear();
  else return;
  hideCursor();
  event.preventDefault();
});

cover(0, 0, 0);
