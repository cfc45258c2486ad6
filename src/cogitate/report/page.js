"use strict";
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const svg = (tag, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };

  // ------------------------------------------------------------------------------ theme

  const root = document.documentElement;
  const button = find(".theme");
  const isDark = () => (root.dataset.theme
    ? root.dataset.theme === "dark"
    : window.matchMedia("(prefers-color-scheme: dark)").matches);
  const nameTheme = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  button.hidden = false;
  nameTheme();

  // ------------------------------------------------------------------- values under the pointer

  const nearest = (points, x) => {
    let best = points[0];
    for (const point of points) if (Math.abs(point[0] - x) < Math.abs(best[0] - x)) best = point;
    return best;
  };

  const addHover = (drawing) => {
    const data = JSON.parse(drawing.dataset.chart);
    const layer = find(".hover", drawing);
    const tip = find(".tip", drawing.parentElement);
    const [left, right, top, bottom] = data.box;
    const [low, high] = data.x;
    const toX = (value) => left + ((value - low) / ((high - low) || 1)) * (right - left);
    const clear = () => { layer.replaceChildren(); tip.hidden = true; };
    const show = (event) => {
      const box = drawing.getBoundingClientRect();
      const scale = box.width / drawing.viewBox.baseVal.width;
      const at = (event.clientX - box.left) / scale;
      if (at < left - 12 || at > right + 12) { clear(); return; }
      const value = low + ((at - left) / (right - left)) * (high - low);
      const step = nearest(data.lines.flatMap((line) => line.points), value)[0];
      const x = toX(step);
      layer.replaceChildren(svg("line", { x1: x, x2: x, y1: top, y2: bottom }));
      tip.replaceChildren(make("b", "", `${data.name} ${Number.isInteger(step) ? step : step.toFixed(1)}`));
      for (const line of data.lines) {
        const point = nearest(line.points, step);
        if (Math.abs(point[0] - step) > (high - low) / 20) continue;
        layer.append(svg("circle", { class: `tone-${line.tone}`, cx: toX(point[0]), cy: point[1], r: 3.6 }));
        const row = make("div");
        row.append(make("span", `key tone-${line.tone}`), `${line.label} `, make("b", "", point[2]));
        tip.append(row);
      }
      tip.hidden = false;
      const room = box.width - tip.offsetWidth;
      const wanted = x * scale + (at > (left + right) / 2 ? -tip.offsetWidth - 12 : 12);
      tip.style.left = `${Math.max(0, Math.min(room, wanted))}px`;
      tip.style.top = `${top * scale}px`;
    };
    drawing.addEventListener("pointermove", show);
    drawing.addEventListener("pointerdown", show);
    drawing.addEventListener("pointerleave", clear);
  };
  document.querySelectorAll("svg[data-chart]").forEach(addHover);

  // -------------------------------------------------------------------------- rollout browser

  const browser = find("#browser");
  const store = find("#rollouts-data");
  if (!browser || !store) return;
  const all = JSON.parse(store.textContent);
  const part = Object.fromEntries(
    ["source", "task", "problem", "previous", "next", "about", "time", "columns"].map(
      (name) => [name, find(`[data-part="${name}"]`, browser)]),
  );
  const state = { source: all.heldout.length ? "heldout" : "train", task: "", index: 0, step: null };

  const verdict = (entry) => {
    if (entry.correct === null) return make("span", "unknown", "not verified");
    return make("span", entry.correct ? "right" : "wrong", entry.correct ? "\u2713 right" : "\u2717 wrong");
  };
  const completion = (entry) => {
    const text = make("pre", "text");
    text.dir = "auto";
    if (entry.text.join("") === "") { text.className = "text empty"; text.textContent = "(empty completion)"; return text; }
    entry.text.forEach((piece, i) => text.append(i % 2 ? make("mark", "", piece) : piece));
    return text;
  };
  const card = (entry, gold) => {
    const node = make("article", "card");
    const head = make("header");
    const label = entry.mode === "train" ? `sample ${entry.sample + 1}`
      : entry.mode === "greedy" ? "greedy" : `sampled ${entry.sample + 1}`;
    const answer = make("span", "answer");
    answer.append("parsed answer ", make("b", "", entry.answer === null ? "none" : entry.answer));
    if (gold !== null) answer.append(", gold ", make("b", "", gold));
    head.append(make("span", `mode-${entry.mode}`, label), verdict(entry), answer);
    const meta = make("p", "meta");
    const facts = [`reward ${entry.reward}`];
    for (const [name, value] of Object.entries(entry.parts)) facts.push(`${name} ${value}`);
    if (entry.advantage !== null) facts.push(`advantage ${entry.advantage > 0 ? "+" : ""}${entry.advantage}`);
    facts.push(`${entry.tokens} tokens`);
    facts.push(entry.finish === "length" ? "cut at the token limit" : `finish: ${entry.finish}`);
    if (entry.error !== null) facts.push(`verifier error: ${entry.error}`);
    facts.forEach((fact) => meta.append(make("span", "", fact)));
    node.append(head, completion(entry), meta);
    return node;
  };

  const tasks = () => [...new Set(all[state.source].map((problem) => problem.task))];
  const problems = () => all[state.source].filter((problem) => problem.task === state.task);
  const option = (value, text) => { const node = make("option", "", text); node.value = value; return node; };
  const short = (text) => { const line = text.replace(/\s+/g, " ").trim(); return line.length > 64 ? `${line.slice(0, 63)}\u2026` : line; };

  const column = (title, entries, gold) => {
    const node = make("div");
    const cards = make("div", "cards");
    cards.append(...entries.map((entry) => card(entry, gold)));
    node.append(make("h3", "", title), cards);
    return node;
  };

  const showStrip = (problem, steps) => {
    const lanes = new Map();
    for (const step of steps) for (const entry of problem.steps[step]) {
      const name = entry.mode === "greedy" ? "greedy" : `sampled ${entry.sample + 1}`;
      if (!lanes.has(name)) lanes.set(name, new Map());
      lanes.get(name).set(step, entry);
    }
    const strip = make("div", "strip");
    for (const [name, lane] of lanes) {
      const row = make("div", "strip-row");
      row.append(make("span", "", name));
      for (const step of steps) {
        const entry = lane.get(step);
        const kind = !entry || entry.correct === null ? "" : entry.correct ? "right" : "wrong";
        const cell = make("button", `cell ${kind}${step === state.step ? " now" : ""}`);
        const said = `${name}, step ${step}: ${kind || "no verdict"}`;
        cell.title = said;
        cell.setAttribute("aria-label", said);
        cell.addEventListener("click", () => { state.step = step; showProblem(); });
        row.append(cell);
      }
      strip.append(row);
    }
    return strip;
  };

  const showTime = (problem, steps) => {
    part.time.hidden = steps.length < 2;
    if (steps.length < 2) { part.time.replaceChildren(); return; }
    const position = steps.indexOf(state.step);
    const now = make("div", "now");
    now.append(make("span", "", `step ${steps[0]}`), make("b", "", `showing step ${state.step}`),
      make("span", "", `step ${steps[steps.length - 1]}`));
    const slider = make("input");
    Object.assign(slider, { type: "range", min: 0, max: steps.length - 1, step: 1, value: position });
    slider.setAttribute("aria-label", "evaluation step");
    slider.addEventListener("input", () => {
      state.step = steps[Number(slider.value)];
      showColumns(problem, steps);
      find("b", now).textContent = `showing step ${state.step}`;
      const old = find(".strip", part.time);
      old.replaceWith(showStrip(problem, steps));
    });
    part.time.replaceChildren(now, slider, showStrip(problem, steps));
  };

  const showColumns = (problem, steps) => {
    const chosen = column(
      state.source === "train" ? `Training step ${state.step}: one group` : `At step ${state.step}`,
      problem.steps[state.step], problem.gold);
    const first = steps[0];
    const paired = state.source === "heldout" && first !== state.step;
    part.columns.className = paired ? "columns" : "columns single";
    const start = first === "0" ? "Before training (step 0)" : `At step ${first}`;
    part.columns.replaceChildren(...(paired ? [column(start, problem.steps[first], problem.gold)] : []), chosen);
  };

  const showProblem = () => {
    const list = problems();
    const problem = list[state.index];
    const steps = Object.keys(problem.steps).sort((a, b) => a - b);
    if (!steps.includes(state.step)) state.step = steps[steps.length - 1];
    part.problem.value = String(state.index);
    part.previous.disabled = state.index === 0;
    part.next.disabled = state.index === list.length - 1;
    const question = make("p", "question", problem.question);
    question.dir = "auto";
    const details = make("details");
    const prompt = make("pre", "text", problem.prompt);
    prompt.dir = "auto";
    details.append(make("summary", "", "the exact prompt"), prompt);
    const name = make("p", "meta");
    name.append(make("span", "", problem.id), make("span", "", problem.gold === null ? "no gold answer" : `gold answer ${problem.gold}`));
    part.about.replaceChildren(question, name, details);
    showTime(problem, steps);
    showColumns(problem, steps);
  };

  const showTask = () => {
    part.task.replaceChildren(...tasks().map((task) => option(task, task)));
    part.task.value = state.task;
    part.problem.replaceChildren(...problems().map((problem, i) => {
      const step = state.source === "train" ? `step ${Object.keys(problem.steps).join(", ")}: ` : "";
      return option(String(i), `${i + 1}. ${step}${short(problem.question)}`);
    }));
    showProblem();
  };

  const setSource = (source) => {
    Object.assign(state, { source, index: 0, step: null });
    state.task = tasks()[0];
    part.source.querySelectorAll("button").forEach((node) => {
      node.setAttribute("aria-pressed", String(node.value === source));
      node.hidden = all[node.value].length === 0;
    });
    showTask();
  };

  part.source.addEventListener("click", (event) => { if (event.target.value) setSource(event.target.value); });
  part.task.addEventListener("change", () => { Object.assign(state, { task: part.task.value, index: 0, step: null }); showTask(); });
  part.problem.addEventListener("change", () => { state.index = Number(part.problem.value); showProblem(); });
  part.previous.addEventListener("click", () => { state.index -= 1; showProblem(); });
  part.next.addEventListener("click", () => { state.index += 1; showProblem(); });
  browser.hidden = false;
  setSource(state.source);
})();
