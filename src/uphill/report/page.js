
"use strict";
// Tables are sorted by a click on a heading and filtered by words, and figures open at full size and say the values of
// their marks. Whatever a cell or a mark holds is only ever read and set as text. Without this script every row and
// figure is there, in the study's order.

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
large.addEventListener("close", () => document.body.append(told));
const close = made("button", "close", { type: "button" });
close.addEventListener("click", () => large.close());
large.addEventListener("click", () => large.close());
document.body.append(large);

for (const picture of document.querySelectorAll(".drawn img")) {
  const button = made("button", "", { type: "button", title: "Enlarge" });
  picture.replaceWith(button);
  button.append(picture);
  button.addEventListener("click", () => {
    const copy = picture.cloneNode();
    tells(copy, marksOf(picture));
    large.replaceChildren(copy, close, told);
    large.showModal();
  });
}

// What a figure tells at its marks: beside the pointer, and by the arrow keys where the figure has the focus.
const NEAR = 0.01; // of a picture's size, how far from a mark a pointer may be

const told = made("div", "", { className: "told", hidden: true });
told.setAttribute("role", "status");
document.body.append(told);

function marksOf(picture) {
  return JSON.parse(picture.dataset.marks || "[]").flatMap(([title, marks]) => marks.map((mark) => [...mark, title]));
}

// The mark at a place in a picture, or near it; of several the smallest.
function markAt(marks, x, y) {
  const outside = ([left, top, right, bottom]) => Math.max(left - x, x - right, top - y, y - bottom, 0);
  const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
  return marks.filter((mark) => outside(mark) <= NEAR).sort((a, b) => outside(a) - outside(b) || area(a) - area(b))[0];
}

function tell(mark, x, y) {
  told.hidden = !mark;
  if (!mark) return;
  told.replaceChildren(made("b", mark[5]), made("span", mark[4]));
  told.style.left = `${Math.max(0, Math.min(x + 12, document.documentElement.clientWidth - told.offsetWidth - 8))}px`;
  told.style.top = `${y + 16 + told.offsetHeight > window.innerHeight ? y - told.offsetHeight - 8 : y + 16}px`;
}

// Tells of a picture, or of a part of one, in an element that shows it.
function tells(element, marks, [left, top, right, bottom] = [0, 0, 1, 1]) {
  const pointed = (event) => {
    const frame = element.getBoundingClientRect();
    const x = left + ((event.clientX - frame.left) / frame.width) * (right - left);
    tell(markAt(marks, x, top + ((event.clientY - frame.top) / frame.height) * (bottom - top)), event.clientX, event.clientY);
  };
  element.addEventListener("pointermove", pointed);
  element.addEventListener("pointerdown", pointed);
  element.addEventListener("pointerleave", () => tell());
}

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

function tellsByKeys(button, picture, marks) {
  let at = -1;
  button.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tell();
    if (!(event.key in STEPS) || !marks.length) return;
    event.preventDefault();
    at = at < 0 && STEPS[event.key] < 0 ? marks.length - 1 : (at + STEPS[event.key] + marks.length) % marks.length;
    const frame = picture.getBoundingClientRect();
    const [left, top, right, bottom] = marks[at];
    tell(marks[at], frame.left + ((left + right) / 2) * frame.width, frame.top + ((top + bottom) / 2) * frame.height);
  });
  button.addEventListener("blur", () => tell());
}

for (const button of document.querySelectorAll(".drawn button")) {
  const picture = button.querySelector("img");
  const marks = marksOf(picture);
  if (marks.length) button.title = "Enlarge; arrow keys say the values";
  tells(picture, marks);
  tellsByKeys(button, picture, marks);
}

// Of a figure, each panel as a picture of its own: drawn when a page first is narrow, below the figure.
const READABLE = 0.62; // of a picture's own size, the least at which its letters can be read
const LEGIBLE = 0.45; // likewise of a legend's
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
  const fits = (box, least = READABLE) => Math.max(least, Math.min(1, frame.clientWidth / wide(box)[0]));
  // All panels are drawn at one scale; a legend, which is a strip, has its own.
  const strip = (box) => wide(box)[0] > STRIP * wide(box)[1];
  const common = Math.min(1, ...boxes.filter((box) => !strip(box)).map((box) => fits(box)));
  for (const box of boxes) {
    const canvas = panel(picture, box, strip(box) ? fits(box, LEGIBLE) : common);
    tells(canvas, marksOf(picture), box);
    panels.append(canvas);
  }
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
