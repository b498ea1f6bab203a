// The explorers of thresholds and of cases: plain forms and pictures over the numbers that the page brings along.
// What computes comes first and touches no page, so that tests can ask it; what draws comes behind.
"use strict";

(() => { // nothing here becomes a name of the page's

/* ---- numbers ---------------------------------------------------------------------------------------------- */

const Z = 1.959963984540054; // of a 95 % interval

/** Base64 of little-endian float64 as numbers. */
function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 8 }, (_, place) => view.getFloat64(8 * place, true));
}

const logit = (share) => Math.log(share / (1 - share));
const expit = (value) => 1 / (1 + Math.exp(-value));
const within = (value, low, high) => Math.min(high, Math.max(low, value));

/** Counts of cases by truth and call: the class that is looked for is called at or above the threshold. */
function confusion(labels, probabilities, threshold) {
  const counts = { truePositive: 0, falseNegative: 0, falsePositive: 0, trueNegative: 0 };
  labels.forEach((label, place) => { counts[cellOf(label, probabilities[place] >= threshold)] += 1; });
  return counts;
}

function cellOf(label, called) {
  if (label) return called ? "truePositive" : "falseNegative";
  return called ? "falsePositive" : "trueNegative";
}

/** A case's group in words, as in "false negative". */
const groupOf = (label, called) => `${(label === 1) === called} ${called ? "positive" : "negative"}`;

/** A share with Wilson's interval; null where there is nothing to share. */
function wilson(part, whole) {
  if (!whole) return null;
  const value = part / whole;
  const centre = (value + Z ** 2 / (2 * whole)) / (1 + Z ** 2 / whole);
  const reach = Z / (1 + Z ** 2 / whole) * Math.sqrt(value * (1 - value) / whole + Z ** 2 / (4 * whole ** 2));
  // At the ends rounding must not push a bound past its value.
  return { value, low: part ? centre - reach : 0, high: part < whole ? centre + reach : 1 };
}

/** Sensitivity and specificity, and by Bayes' rule both predictive values at a prevalence in (0, 1). */
function rates(counts, prevalence) {
  const sick = counts.truePositive + counts.falseNegative;
  const well = counts.falsePositive + counts.trueNegative;
  const odds = prevalence / (1 - prevalence);
  return {
    sensitivity: wilson(counts.truePositive, sick),
    specificity: wilson(counts.trueNegative, well),
    ppv: predictive(counts.truePositive, sick, counts.falsePositive, well, odds),
    npv: predictive(counts.trueNegative, well, counts.falseNegative, sick, 1 / odds),
  };
}

/** The share of right calls among all, with the logit interval of Mercaldo, Lau & Zhou (2007); null without calls. */
function predictive(right, of, wrong, among, odds) {
  if (!right && !wrong) return null;
  const value = right / of * odds / (right / of * odds + wrong / among);
  let [first, second, hits, slips] = [of, among, right / of, wrong / among];
  if (right === 0 || right === of || wrong === 0 || wrong === among) {
    // Agresti & Coull's estimates: z²/2 successes and as many failures more.
    [first, second] = [of + Z ** 2, among + Z ** 2];
    [hits, slips] = [(right + Z ** 2 / 2) / first, (wrong + Z ** 2 / 2) / second];
  }
  const centre = Math.log(odds * hits / slips);
  const reach = Z * Math.sqrt((1 - hits) / (hits * first) + (1 - slips) / (slips * second));
  return { value, low: Math.min(expit(centre - reach), value), high: Math.max(expit(centre + reach), value) };
}

/** What both rates come to among whole people. */
function frequencies({ sensitivity, specificity }, prevalence, among) {
  const sick = evenly(among * prevalence);
  const found = evenly(sick * sensitivity.value);
  const alarms = evenly((among - sick) * (1 - specificity.value));
  return { among, sick, found, alarms, called: found + alarms, missed: sick - found };
}

/** The nearest whole number, of two the even one: as Python rounds. */
function evenly(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** [1 − specificity, sensitivity] of every threshold that calls other cases, from [0, 0] to [1, 1]. */
function rocCurve(labels, probabilities) {
  const order = labels.map((_, place) => place).sort((a, b) => probabilities[b] - probabilities[a]);
  const positives = labels.filter((label) => label).length;
  const points = [[0, 0]];
  let [hits, alarms] = [0, 0];
  order.forEach((place, rank) => {
    if (labels[place]) hits += 1; else alarms += 1;
    const tied = rank + 1 < order.length && probabilities[order[rank + 1]] === probabilities[place];
    if (!tied) points.push([alarms / (labels.length - positives), hits / positives]);
  });
  return points;
}

/** [recall, precision] of the points of a ROC curve, where the prevalence is another than the test set's. */
function prCurve(roc, prevalence) {
  const odds = prevalence / (1 - prevalence);
  return roc.slice(1).map(([slips, hits]) => [hits, hits * odds / (hits * odds + slips)]);
}

/** How far each case lies above the threshold, in logits. */
const sureness = (probabilities, threshold) => probabilities.map((value) => logit(value) - logit(threshold));

/** Places of cases in an order, of which `divided` holds all and `sure` the sureness of each. */
function ordered(places, by, { divided, sure, probabilities }) {
  const rank = new Map(divided.map((place, position) => [place, position]));
  const keys = {
    divided: (place) => rank.get(place),
    surest: (place) => -Math.abs(sure[place]),
    unsurest: (place) => Math.abs(sure[place]),
    probability: (place) => -probabilities[place],
    data: (place) => place,
  };
  const key = keys[by];
  return [...places].sort((a, b) => key(a) - key(b) || a - b);
}

/** Where a picture lies on a sheet, as a background's size and position in percent of the element. */
function tile(place, { side, edge }, columns, count) {
  const rows = Math.ceil(count / columns);
  const step = (side + 2 * edge) / side;
  const along = (number, total) => 100 * (number * step + edge / side) / (total * step - 1);
  return {
    size: [100 * columns * step, 100 * rows * step],
    position: [along(place % columns, columns), along(Math.floor(place / columns), rows)],
  };
}

/* ---- the page --------------------------------------------------------------------------------------------- */

const PLAIN = { truePositive: "true-positive", falseNegative: "false-negative",
  falsePositive: "false-positive", trueNegative: "true-negative" };

const fixed = (value, digits = 2) => value.toFixed(digits);
const percent = (share) => `${Number((100 * share).toPrecision(3))} %`;
const several = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** An element with attributes and content; `drawn` makes one of SVG. */
function element(name, attributes = {}, ...content) {
  return filled(document.createElement(name), attributes, content);
}

function drawn(name, attributes = {}, ...content) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, content);
}

function filled(node, attributes, content) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...content);
  return node;
}

/** What the page brings along for an explorer, with its probabilities as numbers. */
function read(identifier) {
  const data = JSON.parse(document.getElementById(identifier).textContent);
  for (const model of data.models) model.probabilities = unpack(model.probabilities);
  return data;
}

function fillModels(select, data) {
  select.append(...data.models.map(({ name, title }) => element("option", { value: name }, title)));
  select.value = data.best;
}

/** Speaks to screen readers once things have come to rest. */
function announcer(status) {
  let waiting = 0;
  return (text) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { status.textContent = text; }, 600);
  };
}

/* ---- thresholds ------------------------------------------------------------------------------------------- */

const SIDE = 260; // of a chart's square, in its own units
const MARKERS = { // the shapes of the figures, 10 units wide
  o: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
  D: "M0 -5.5L5.5 0L0 5.5L-5.5 0z",
  "^": "M0 -5.5L5.5 4.5L-5.5 4.5z",
  v: "M0 5.5L5.5 -4.5L-5.5 -4.5z",
};

function thresholdExplorer(root) {
  const data = read("threshold-data");
  const find = (name) => root.querySelector(`[data-part="${name}"]`);
  const [model, threshold, slider] = ["model", "threshold", "threshold-slider"].map(find);
  const [prevalence, prevalenceSlider] = ["prevalence", "prevalence-slider"].map(find);
  const announce = announcer(find("status"));
  const here = data.labels.reduce((sum, label) => sum + label, 0) / data.labels.length;
  const charts = { roc: chart(find("roc")), pr: chart(find("pr")) };
  const state = { model: null, threshold: 0, prevalence: here };

  fillModels(model, data);
  const buttons = data.rules.map((rule) => {
    const value = element("span", { class: "explorer-value" });
    const button = element("button", { type: "button" }, marker(rule), ` ${rule.short} `, value);
    button.addEventListener("click", () => { state.threshold = state.model.thresholds[rule.name]; show(); });
    return { rule, button, value };
  });
  find("rules").append(...buttons.map(({ button }) => button));

  model.addEventListener("change", () => {
    const kept = chosenRule();
    choose();
    if (kept) state.threshold = state.model.thresholds[kept.name];
    show();
  });
  follow(threshold, slider, 1, (value) => { state.threshold = value; }, show);
  follow(prevalence, prevalenceSlider, 100, (value) => { state.prevalence = value; }, show);
  find("here").addEventListener("click", () => { state.prevalence = here; show(); });

  function choose() {
    state.model = data.models.find(({ name }) => name === model.value);
    state.roc = rocCurve(data.labels, state.model.probabilities);
    root.style.setProperty("--curve", state.model.colour ?? "currentcolor");
  }

  function chosenRule() {
    return data.rules.find(({ name }) => state.model.thresholds[name] === state.threshold);
  }

  function show() {
    const counts = confusion(data.labels, state.model.probabilities, state.threshold);
    const found = rates(counts, state.prevalence);
    const chosen = chosenRule();
    for (const { rule, button, value } of buttons) {
      button.setAttribute("aria-pressed", String(rule === chosen));
      value.textContent = rule.chosen ? fixed(state.model.thresholds[rule.name], 3) : "";
    }
    place(threshold, slider, state.threshold, fixed(state.threshold, 3), fixed(state.threshold, 3));
    place(prevalence, prevalenceSlider, state.prevalence, percent(state.prevalence),
      String(Number((100 * state.prevalence).toPrecision(3))));
    for (const [cell, name] of Object.entries(PLAIN)) find(name).textContent = counts[cell];
    for (const [name, rate] of Object.entries(found)) {
      find(name).textContent = rate ? fixed(rate.value) : "–";
      find(`${name}-interval`).textContent = rate ? `${fixed(rate.low)}–${fixed(rate.high)}` : "–";
    }
    find("sentence").textContent = sentence(frequencies(found, state.prevalence, data.among), data);
    draw(found);
    announce(spoken(counts, found));
  }

  function draw(found) {
    const points = data.rules.map((rule) => {
      const at = rates(confusion(data.labels, state.model.probabilities, state.model.thresholds[rule.name]),
        state.prevalence);
      return { rule, ...pointsOf(at) };
    });
    const now = pointsOf(found);
    charts.roc(state.roc, points.map(({ rule, roc }) => ({ rule, at: roc })), now.roc, [[0, 0], [1, 1]]);
    charts.pr(prCurve(state.roc, state.prevalence), points.map(({ rule, pr }) => ({ rule, at: pr })), now.pr,
      [[0, state.prevalence], [1, state.prevalence]]);
  }

  function spoken(counts, { sensitivity, specificity, ppv, npv }) {
    const worth = (rate) => (rate ? fixed(rate.value) : "not defined");
    return `Threshold ${fixed(state.threshold, 3)}: ${counts.falseNegative} missed, `
      + `${several(counts.falsePositive, "false alarm", "false alarms")}, `
      + `sensitivity ${worth(sensitivity)}, specificity ${worth(specificity)}. `
      + `At a prevalence of ${percent(state.prevalence)}: PPV ${worth(ppv)}, NPV ${worth(npv)}.`;
  }

  choose();
  state.threshold = state.model.thresholds.youden;
  show();
}

/** A number and a slider for one share; the slider runs evenly in its logit, so that neither end is crammed. */
function follow(number, slider, unit, take, show) {
  number.addEventListener("input", () => {
    if (number.value === "" || !number.validity.valid) return;
    take(Number(number.value) / unit);
    show();
  });
  number.addEventListener("blur", show); // what could not be taken gives way to what holds
  slider.addEventListener("input", () => { take(expit(Number(slider.value))); show(); });
}

function place(number, slider, share, spoken, written) {
  if (document.activeElement !== number) number.value = written;
  slider.value = within(logit(share), Number(slider.min), Number(slider.max));
  slider.setAttribute("aria-valuetext", spoken);
}

function pointsOf({ sensitivity, specificity, ppv }) {
  return {
    roc: [1 - specificity.value, sensitivity.value],
    pr: ppv && [sensitivity.value, ppv.value],
  };
}

function sentence({ among, sick, found, called, missed }, { people, condition }) {
  return `Of ${among.toLocaleString("en")} ${people}, ${sick} of whom have ${condition}, `
    + `${called} ${called === 1 ? "is" : "are"} called so, ${found} of them rightly; `
    + `${missed} with ${condition} ${missed === 1 ? "is" : "are"} missed.`;
}

function marker(rule) {
  const shape = drawn("path", { d: MARKERS[rule.marker] });
  return drawn("svg", { viewBox: "-6 -6 12 12", class: "explorer-marker", "aria-hidden": "true" }, shape);
}

/** A square chart of shares in the given element; gives what draws a curve, marks and a point on it. */
function chart(canvas) {
  const at = ([x, y]) => [SIDE * x, SIDE * (1 - y)].map((value) => value.toFixed(1)).join(" ");
  const line = (points) => `M${points.map(at).join("L")}`;
  const [{ x, y }, layer] = [canvas.dataset, drawn("g")];
  canvas.setAttribute("viewBox", `-46 -14 ${SIDE + 60} ${SIDE + 58}`);
  canvas.append(
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      drawn("path", { class: "explorer-grid", d: `${line([[share, 0], [share, 1]])}${line([[0, share], [1, share]])}` }),
      drawn("text", { x: SIDE * share, y: SIDE + 18, "text-anchor": "middle" }, String(share)),
      drawn("text", { x: -8, y: SIDE * (1 - share) + 4, "text-anchor": "end" }, String(share)),
    ]),
    drawn("text", { x: SIDE / 2, y: SIDE + 38, "text-anchor": "middle" }, x),
    drawn("text", { x: -SIDE / 2, y: -34, "text-anchor": "middle", transform: "rotate(-90)" }, y),
    layer,
  );
  return (curve, marks, point, chance) => {
    layer.replaceChildren(
      drawn("path", { class: "explorer-chance", d: line(chance) }),
      drawn("path", { class: "explorer-curve", d: line(curve) }),
      ...marks.filter((mark) => mark.at).map((mark) => drawn("path", {
        class: "explorer-mark", d: MARKERS[mark.rule.marker], transform: `translate(${at(mark.at)})`,
      })),
      ...(point ? [drawn("circle", { class: "explorer-point", r: 9, transform: `translate(${at(point)})` })] : []),
    );
  };
}

/* ---- cases ------------------------------------------------------------------------------------------------ */

const A_PAGE = 48; // cases

function caseExplorer(root) {
  const data = read("case-data");
  const find = (name) => root.querySelector(`[data-part="${name}"]`);
  const [model, order, maps, grid, status] = ["model", "order", "maps", "grid", "status"].map(find);
  // In a template nothing is fetched before it is shown.
  const pictures = document.querySelector("#case-sheets").content.querySelectorAll("img");
  data.sheets.forEach((sheet, position) => { sheet.source = pictures[position].getAttribute("src"); });
  const images = data.sheets.find((sheet) => sheet.model === null);
  for (const one of data.models) {
    one.threshold = one.thresholds[data.rule];
    one.called = one.probabilities.map((probability) => probability >= one.threshold);
    one.sure = sureness(one.probabilities, one.threshold);
    one.sheet = data.sheets.find((sheet) => sheet.model === one.name);
  }
  const state = { model: null, shown: [], first: 0 };
  const detail = caseDetail(find("detail"), data, picture, () => state);

  fillModels(model, data);
  const boxes = data.groups.map((group) => {
    const box = element("input", { type: "checkbox", value: group, checked: "" });
    const count = element("span", { class: "explorer-value" });
    box.addEventListener("change", choose);
    find("groups").append(element("label", { class: wrong(group) ? "wrong" : "right" }, box, ` ${marked(group)}s `, count));
    return { group, box, count };
  });
  model.addEventListener("change", choose);
  order.addEventListener("change", choose);
  maps.addEventListener("change", show);
  const turns = [...root.querySelectorAll("[data-turn]")];
  for (const button of turns) {
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") === "true") return;
      state.first += A_PAGE * Number(button.dataset.turn);
      show();
      if (grid.getBoundingClientRect().top < 0) status.scrollIntoView();
    });
  }
  grid.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) detail(Number(button.dataset.case));
  });

  function choose() {
    state.model = data.models.find(({ name }) => name === model.value);
    const groups = data.labels.map((label, place) => groupOf(label, state.model.called[place]));
    const wanted = new Set(boxes.filter(({ box }) => box.checked).map(({ group }) => group));
    for (const { group, count } of boxes) count.textContent = groups.filter((one) => one === group).length;
    const places = groups.flatMap((group, place) => (wanted.has(group) ? [place] : []));
    state.shown = ordered(places, order.value, { ...state.model, divided: data.divided });
    state.first = 0;
    maps.disabled = !state.model.sheet;
    show();
  }

  function show() {
    const [total, last] = [state.shown.length, Math.min(state.first + A_PAGE, state.shown.length)];
    grid.replaceChildren(...state.shown.slice(state.first, last).map(card));
    status.textContent = total
      ? `Cases ${state.first + 1}–${last} of ${total}, as ${state.model.title} calls them.`
      : "No case is in the chosen groups.";
    for (const button of turns) {
      const goal = state.first + A_PAGE * Number(button.dataset.turn);
      button.setAttribute("aria-disabled", String(goal < 0 || goal >= total));
    }
  }

  function card(place) {
    const group = groupOf(data.labels[place], state.model.called[place]);
    const frame = element("span", { class: "case-picture" }, picture(place, images));
    if (maps.checked && state.model.sheet) frame.append(picture(place, state.model.sheet, "case-overlay"));
    return element("li", {}, element("button", { type: "button", class: wrong(group) ? "wrong" : "right", "data-case": place },
      frame,
      element("span", {}, `#${place}`),
      element("span", { class: "explorer-value" }, fixed(state.model.probabilities[place])),
      element("span", { class: "case-group" }, marked(group)),
    ));
  }

  function picture(place, sheet, look = "case-image") {
    const { size, position } = tile(place, sheet, data.columns, data.labels.length);
    const shares = (values) => values.map((value) => `${value}%`).join(" ");
    const node = element("span", { class: look });
    node.style.backgroundImage = `url("${sheet.source}")`;
    node.style.backgroundSize = shares(size);
    node.style.backgroundPosition = shares(position);
    return node;
  }

  choose();
}

const wrong = (group) => group.startsWith("false");
const marked = (group) => `${wrong(group) ? "✗" : "✓"} ${group}`;
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** The dialog of one case: its image, and each model's probability, call and map; gives what opens it. */
function caseDetail(dialog, data, picture, state) {
  const find = (name) => dialog.querySelector(`[data-part="${name}"]`);
  const images = data.sheets.find((sheet) => sheet.model === null);
  let current = 0;

  function show(place) {
    current = place;
    const truth = data.classes[data.labels[place]];
    const alone = data.models.filter((model) => model.sheet); // the ensemble is no voice of its own
    const positive = alone.filter((model) => model.called[place]).length;
    find("title").textContent = `Case ${place}: ${truth}`;
    find("verdict").textContent =
      `${positive} of ${several(alone.length, "model", "models")} ${positive === 1 ? "calls" : "call"} it ${data.classes[1]}.`;
    find("image").replaceChildren(named(picture(place, images), `${capital(data.image)} of case ${place}`));
    find("models").replaceChildren(...data.models.map((model) => judgement(model, place)));
    const position = state().shown.indexOf(place);
    find("previous").setAttribute("aria-disabled", String(position <= 0));
    find("next").setAttribute("aria-disabled", String(position === state().shown.length - 1));
  }

  function judgement(model, place) {
    const called = model.called[place];
    const right = called === (data.labels[place] === 1);
    const said = element("p", {}, element("strong", {}, model.title), element("br"),
      `probability ${fixed(model.probabilities[place], 3)}, threshold ${fixed(model.threshold, 3)}`, element("br"),
      element("span", { class: right ? "right" : "wrong" },
        `${right ? "✓ rightly" : "✗ wrongly"} called ${data.classes[Number(called)]}`));
    if (!model.sheet) return element("li", {}, said);
    const overlay = element("span", { class: "case-picture" },
      picture(place, images), picture(place, model.sheet, "case-overlay"));
    return element("li", {},
      named(element("span", { class: "case-picture" }, picture(place, model.sheet)), `Map of ${model.title}, cell by cell`),
      named(overlay, `The same map, smoothed over the ${data.picture}`), said);
  }

  function step(by) {
    const goal = state().shown[state().shown.indexOf(current) + by];
    if (goal !== undefined) show(goal);
  }

  find("previous").addEventListener("click", () => step(-1));
  find("next").addEventListener("click", () => step(1));
  find("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { event.preventDefault(); step(by); }
  });
  return (place) => { show(place); dialog.showModal(); };
}

function named(node, name) {
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", name);
  return node;
}

/* ---- start ------------------------------------------------------------------------------------------------ */

function start() {
  const explorers = { "threshold-explorer": thresholdExplorer, "case-explorer": caseExplorer };
  for (const [identifier, build] of Object.entries(explorers)) {
    const root = document.getElementById(identifier);
    if (!root) continue;
    build(root);
    root.hidden = false; // only now: without a script, or with one that fails, the page stays as it was written
  }
}

if (typeof document === "object") start();
else module.exports = { unpack, confusion, groupOf, rates, frequencies, rocCurve, prCurve, sureness, ordered, tile };

})();
