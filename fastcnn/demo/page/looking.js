// Sends the slate to the server whenever it has changed, as a small PNG, and shows the answer. While
// an answer is awaited only the latest change waits behind it. All texts are set as text.

import {slate} from "/drawing.js";
import {drawLayers, drawSeen, time} from "/layers.js";

const find = id => document.getElementById(id);
const SPOKEN = 700;           // ms without a change before a screen reader says the result
let isEmpty = true, isAsking = false, isWaiting = false, answer = null, spoken = 0;

async function look() {
  if (isAsking) {
    isWaiting = true;
    return;
  }
  isAsking = true;
  try {
    do {
      isWaiting = false;
      const picture = await new Promise(resolve => slate.toBlob(resolve, "image/png"));
      if (isEmpty) break;       // cleared in the meantime
      const response = await fetch("/look", {method: "POST", body: picture});
      const found = response.ok ? await response.json() : await response.text();
      if (isEmpty) break;
      if (response.ok) present(found);
      else complain(found);
    } while (isWaiting);
  } catch {
    complain("The program does not answer. Does it still run?");
  }
  isAsking = false;
}

function say(text) {
  clearTimeout(spoken);
  spoken = setTimeout(() => { find("status").textContent = text; }, SPOKEN);
}

export function complain(text) {
  find("speed").textContent = text;
  find("speed").classList.add("wrong");
  say(text);
}

function forget() {
  answer = null;
  find("best").textContent = "…";
  find("speed").textContent = "Nothing is drawn yet.";
  find("speed").classList.remove("wrong");
  find("seen").hidden = find("inside").hidden = true;
  for (const row of find("classes").children) fillRow(row, 0, "", false);
  say("");
}

const percent = p => `${(100 * p).toFixed(p < 0.9995 && p >= 0.0005 ? 1 : 0)} %`;

function fillRow(row, share, text, isBest) {
  row.classList.toggle("best", isBest);
  row.querySelector(".bar span").style.transform = `scaleX(${share})`;
  row.querySelector(".value").textContent = text;
}

function present(found) {
  answer = found;
  const {names, probabilities} = found;
  const best = probabilities.indexOf(Math.max(...probabilities));
  find("best").textContent = names[best];
  find("speed").textContent = `Recognized in ${time(found.microseconds)}: `
    + `${Math.round(1e6 / found.microseconds).toLocaleString("en")} pictures a second.`;
  find("speed").classList.remove("wrong");
  [...find("classes").children].forEach((row, k) =>
    fillRow(row, probabilities[k], percent(probabilities[k]), k === best));
  drawSeen(found.image);
  drawLayers(found.layers);
  say(`${names[best]}, ${percent(probabilities[best])}`);
}

slate.addEventListener("change", event => {
  isEmpty = event.detail.isEmpty;
  if (isEmpty) forget();
  else look();
});

const redraw = () => { if (answer) drawLayers(answer.layers); };
window.addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

forget();
