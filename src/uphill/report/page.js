
"use strict";
// Tables are sorted by a click on a heading and filtered by words, and figures open at full size. Whatever a cell holds
// is only ever read and set as text. Without this script every row and figure is there, in the study's order.

const SEVERAL = 6; // rows, from which on a table has a filter
const FIRST_NUMBER = /^[^\d+\u2212-]{0,4}([+\u2212-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)/i;

function made(tag, text, properties) {
  const element = document.createElement(tag);
  element.textContent = text;
  return Object.assign(element, properties);
}

// The number that a cell begins with, such as 83.5 of "83.5 % [73.4, 91.0]"; NaN where it begins with none.
function number(text) {
  const found = FIRST_NUMBER.exec(text);
  return found ? Number(found[1].replace(/,/g, "").replace("\u2212", "-")) : NaN;
}

// Rows in the order of one column: as numbers where all its cells begin with one, else as text; empty cells last.
function ordered(rows, column, sign) {
  const texts = new Map(rows.map((row) => [row, row.cells[column].textContent.trim()]));
  const numeric = [...texts.values()].every((text) => text === "" || !Number.isNaN(number(text)));
  const compare = numeric ? (a, b) => number(a) - number(b) : (a, b) => a.localeCompare(b, "en", { numeric: true });
  return [...rows].sort((one, other) => {
    const [a, b] = [texts.get(one), texts.get(other)];
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * compare(a, b);
  });
}

function sort(table, column, direction) {
  const body = table.tBodies[0];
  for (const heading of table.tHead.rows[0].cells) heading.removeAttribute("aria-sort");
  table.tHead.rows[0].cells[column].setAttribute("aria-sort", direction);
  body.append(...ordered([...body.rows], column, direction === "ascending" ? 1 : -1));
}

function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = made("button", heading.textContent, { type: "button", title: "Sort by this column" });
    button.addEventListener("click", () => {
      sort(table, column, heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending");
    });
    heading.replaceChildren(button);
    for (const row of table.tBodies[0].rows) row.cells[column].dataset.heading = button.textContent;
  });
}

// A table that is wider than its frame is shown as cards, so that no column is cut.
function fit(frame) {
  const table = frame.querySelector("table");
  table.classList.remove("cards");
  if (frame.scrollWidth > frame.clientWidth + 1) table.classList.add("cards");
}

// Rows that hold every word stay.
function filter(table, words, count) {
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  const left = rows.filter((row) => !row.hidden).length;
  count.textContent = left === rows.length ? `${rows.length} rows` : `${left} of ${rows.length} rows`;
}

function filterable(table, frame) {
  const tools = made("div", "", { className: "tools" });
  const input = made("input", "", { type: "search", placeholder: "filter rows by words" });
  input.setAttribute("aria-label", "filter rows by words");
  const count = made("span", "");
  input.addEventListener("input", () => filter(table, input.value.toLowerCase().split(/\s+/).filter(Boolean), count));
  const by = made("select", "");
  by.setAttribute("aria-label", "sort by");
  by.append(made("option", "sort by", { value: "" }));
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    by.append(made("option", heading.textContent, { value: column }));
  });
  by.addEventListener("change", () => by.value !== "" && sort(table, Number(by.value), "descending"));
  tools.append(input, by, count);
  frame.before(tools);
  filter(table, [], count);
}

const frames = [...document.querySelectorAll(".wide")];
for (const frame of frames) {
  const table = frame.querySelector("table");
  sortable(table);
  if (table.tBodies[0].rows.length >= SEVERAL) filterable(table, frame);
  fit(frame);
  frame.closest("details")?.addEventListener("toggle", () => fit(frame));
}
window.addEventListener("resize", () => frames.forEach(fit));

const large = document.createElement("dialog");
const close = made("button", "close", { type: "button" });
close.addEventListener("click", () => large.close());
large.addEventListener("click", () => large.close());
document.body.append(large);

for (const picture of document.querySelectorAll(".drawn img")) {
  const button = made("button", "", { type: "button", title: "Enlarge" });
  picture.replaceWith(button);
  button.append(picture);
  button.addEventListener("click", () => {
    large.replaceChildren(picture.cloneNode(), close);
    large.showModal();
  });
}

// Of a figure, each panel as a picture of its own: drawn when a page first is narrow, below the figure.
const READABLE = 0.62; // of a picture's own size, the least at which its letters can be read
const STRIP = 4; // so many times as wide as high is no panel
const narrow = window.matchMedia("(max-width: 640px)");

function panel(picture, [left, top, right, bottom], scale) {
  const [width, height] = [picture.naturalWidth, picture.naturalHeight];
  const canvas = made("canvas", "", { width: (right - left) * width, height: (bottom - top) * height });
  canvas.getContext("2d").drawImage(picture, -left * width, -top * height);
  canvas.style.width = `${scale * canvas.width}px`;
  return canvas;
}

function separate(frame) {
  const picture = frame.querySelector("img");
  if (!picture.naturalWidth || frame.nextElementSibling?.className === "panels") return;
  const boxes = JSON.parse(picture.dataset.panels);
  if (!boxes.length) return;
  const panels = made("div", "", { className: "panels" });
  panels.setAttribute("role", "img");
  panels.setAttribute("aria-label", picture.alt);
  const wide = ([left, top, right, bottom]) => [(right - left) * picture.naturalWidth, (bottom - top) * picture.naturalHeight];
  const fits = (box) => Math.max(READABLE, Math.min(1, frame.clientWidth / wide(box)[0]));
  // All panels are drawn at one scale; a legend, which is a strip, has its own.
  const strip = (box) => wide(box)[0] > STRIP * wide(box)[1];
  const common = Math.min(1, ...boxes.filter((box) => !strip(box)).map(fits));
  panels.append(...boxes.map((box) => panel(picture, box, strip(box) ? fits(box) : common)));
  frame.after(panels);
}

function separateAll() {
  if (!narrow.matches) return;
  for (const frame of document.querySelectorAll(".drawn")) {
    const picture = frame.querySelector("img");
    if (picture.complete) separate(frame);
    else picture.addEventListener("load", () => separate(frame), { once: true });
  }
}

narrow.addEventListener("change", separateAll);
separateAll();
