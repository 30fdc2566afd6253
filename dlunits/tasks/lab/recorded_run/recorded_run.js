const { arrays, steps } = JSON.parse(
  document.getElementById("data").textContent,
);
const slider = document.getElementById("slider");
const container = document.getElementById("matrices");
const chart = document.querySelector("#chart svg");

function element(name, text, parent) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function shown(value) {
  if (value === null) return "";
  return typeof value === "number" ? String(Number(value.toPrecision(4))) : value;
}

function table(matrix) {
  const figure = element("figure");
  element("figcaption", matrix.name, figure);
  const made = element("table", undefined, figure);
  const columns = matrix.columns ?? [];
  const rows = matrix.rows ?? [];
  const size = arrays[matrix.array][0].length;
  const computed = matrix.computed ?? Infinity;
  const shownValues = arrays[matrix.array].map((values, i) =>
    values.map((value, j) => (i * size + j < computed ? value : null)),
  );
  const numbers = shownValues.flat().filter((v) => typeof v === "number");
  const largest = Math.max(...numbers.map(Math.abs), 1e-12);
  if (size > 8) made.className = "wide";
  if (columns.length) {
    const row = element("tr", undefined, element("thead", undefined, made));
    if (rows.length) element("td", "", row);
    for (const name of columns) {
      element("th", name, row).scope = "col";
    }
  }
  const body = element("tbody", undefined, made);
  const [top, left, height, width] = matrix.window ?? [0, 0, 0, 0];
  shownValues.forEach((values, i) => {
    const row = element("tr", undefined, body);
    if (rows.length) element("th", rows[i], row).scope = "row";
    values.forEach((value, j) => {
      const cell = element("td", shown(value), row);
      if (typeof value === "number") {
        const color = value < 0 ? "0, 114, 178" : "213, 94, 0";
        const share = 0.5 * Math.abs(value) / largest;
        cell.style.background = `rgba(${color}, ${share.toFixed(3)})`;
        cell.title = String(value);
      }
      if (i >= top && i < top + height && j >= left && j < left + width) {
        cell.className = "used";
      }
    });
  });
  return figure;
}

function show() {
  const index = Number(slider.value);
  const step = steps[index];
  slider.setAttribute("aria-valuetext", `${index + 1}: ${step.title}`);
  document.getElementById("count").textContent =
    `Step ${index + 1} of ${steps.length}`;
  document.getElementById("title").textContent = step.title;
  document.getElementById("equation").textContent = step.equation;
  document.getElementById("element").textContent = step.element;
  container.replaceChildren(...step.matrices.map(table));
  if (chart) {
    const x = Number(chart.dataset.start) + step.time * Number(chart.dataset.step);
    const line = chart.querySelector(".now");
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
  }
}

function move(by) {
  slider.value = Number(slider.value) + by;
  show();
}

slider.addEventListener("input", show);
document.getElementById("back").addEventListener("click", () => move(-1));
document.getElementById("next").addEventListener("click", () => move(1));
show();
