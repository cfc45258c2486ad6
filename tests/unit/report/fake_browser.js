// Just enough of a browser to run page.js in node: elements, events, selectors by class, id and
// attribute. Usage: node fake_browser.js page.js data.json, actions as JSON on standard input.
"use strict";
const fs = require("node:fs");

class Node {
  constructor(tag) {
    this.tag = tag; this.children = []; this.attributes = {}; this.dataset = {}; this.style = {};
    this.listeners = {}; this.hidden = false; this.disabled = false; this.className = "";
    this.value = ""; this.parentElement = null; this.offsetWidth = 100;
    this.viewBox = { baseVal: { width: 440 } };
  }
  append(...items) {
    for (const item of items) {
      const node = typeof item === "string" ? Object.assign(new Node("#text"), { own: item }) : item;
      node.parentElement = this; this.children.push(node);
    }
  }
  replaceChildren(...items) { this.children = []; this.append(...items); }
  replaceWith(node) {
    const list = this.parentElement.children;
    node.parentElement = this.parentElement; list[list.indexOf(this)] = node;
  }
  set textContent(text) { this.children = []; this.append(text); }
  get textContent() {
    return this.own !== undefined ? this.own : this.children.map((c) => c.textContent).join("");
  }
  set innerHTML(_) { throw new Error("markup was written"); }
  setAttribute(name, value) { this.attributes[name] = String(value); if (name === "class") this.className = String(value); }
  getAttribute(name) { return this.attributes[name]; }
  getBoundingClientRect() { return { left: 0, top: 0, width: 440, height: 210 }; }
  addEventListener(name, action) { (this.listeners[name] ||= []).push(action); }
  fire(name, event = {}) { for (const action of this.listeners[name] || []) action({ target: this, ...event }); }
  *all() { for (const child of this.children) { yield child; yield* child.all(); } }
  matches(selector) {
    const parts = selector.match(/^([a-z]+)?((?:[.#][\w-]+|\[[^\]]+\])*)$/);
    if (!parts) throw new Error(`selector ${selector}`);
    if (parts[1] && parts[1] !== this.tag) return false;
    return (parts[2].match(/[.#][\w-]+|\[[^\]]+\]/g) || []).every((part) => {
      if (part[0] === ".") return this.className.split(" ").includes(part.slice(1));
      if (part[0] === "#") return this.attributes.id === part.slice(1);
      const [, name, value] = part.match(/^\[([\w-]+)(?:="?([^"\]]*)"?)?\]$/);
      const key = name.replace(/^data-/, "").replace(/-(.)/g, (_, c) => c.toUpperCase());
      const own = name.startsWith("data-") ? this.dataset[key] : this.attributes[name];
      return own !== undefined && (value === undefined || own === value);
    });
  }
  querySelectorAll(selector) { return [...this.all()].filter((node) => node.matches(selector)); }
  querySelector(selector) { return this.querySelectorAll(selector)[0] || null; }
}

const [, , scriptPath, dataPath] = process.argv;
const input = JSON.parse(fs.readFileSync(dataPath, "utf8"));
const root = new Node("html");
const add = (parent, tag, values = {}, dataset = {}) => {
  const node = Object.assign(new Node(tag), values);
  node.dataset = dataset; parent.append(node); return node;
};
const theme = add(root, "button", { className: "theme", hidden: true });
const plot = add(root, "div", { className: "plot" });
const drawing = add(plot, "svg", {}, { chart: JSON.stringify(input.chart) });
add(drawing, "g", { className: "hover" });
const tip = add(plot, "div", { className: "tip", hidden: true });
if (input.rollouts) {
  const browser = add(root, "div", { hidden: true });
  browser.attributes.id = "browser";
  for (const part of ["source", "task", "problem", "previous", "next", "about", "time", "columns"]) {
    add(browser, "div", {}, { part });
  }
  for (const value of ["heldout", "train"]) add(browser.querySelector('[data-part="source"]'), "button", { value });
  const store = add(root, "script");
  store.attributes.id = "rollouts-data";
  store.textContent = JSON.stringify(input.rollouts);
}
global.document = {
  documentElement: root,
  createElement: (tag) => new Node(tag),
  createElementNS: (_, tag) => new Node(tag),
  querySelector: (selector) => root.querySelector(selector),
  querySelectorAll: (selector) => root.querySelectorAll(selector),
};
global.window = { matchMedia: () => ({ matches: Boolean(input.dark) }) };
new Function(fs.readFileSync(scriptPath, "utf8"))();

const part = (name) => root.querySelector(`[data-part="${name}"]`);
const snapshot = () => ({
  theme: [theme.hidden, theme.textContent, root.dataset.theme || null],
  tip: tip.hidden ? null : tip.children.map((node) => node.textContent),
  browser: input.rollouts ? !root.querySelector("#browser").hidden : null,
  about: input.rollouts ? part("about").textContent : "",
  columns: input.rollouts ? part("columns").children.map((node) => node.textContent) : [],
  marks: root.querySelectorAll("mark").map((node) => node.textContent),
  cells: root.querySelectorAll(".cell").map((node) => node.className.trim()),
  tags: [...new Set([...root.all()].map((node) => node.tag))].sort(),
  problems: input.rollouts ? part("problem").children.map((node) => node.textContent) : [],
  ends: input.rollouts ? [part("previous").disabled, part("next").disabled] : [],
  sources: input.rollouts ? part("source").children.map((node) => [node.getAttribute("aria-pressed"), node.hidden]) : [],
});
const actions = {
  theme: () => theme.fire("click"),
  hover: (x) => drawing.fire("pointermove", { clientX: x }),
  leave: () => drawing.fire("pointerleave"),
  source: (value) => part("source").fire("click", { target: { value } }),
  task: (value) => { part("task").value = value; part("task").fire("change"); },
  problem: (value) => { part("problem").value = value; part("problem").fire("change"); },
  next: () => part("next").fire("click"),
  previous: () => part("previous").fire("click"),
  slide: (value) => { const input = root.querySelector("input"); input.value = value; input.fire("input"); },
  cell: (index) => root.querySelectorAll(".cell")[index].fire("click"),
};
const log = [snapshot()];
for (const [name, value] of JSON.parse(fs.readFileSync(0, "utf8"))) {
  actions[name](value);
  log.push(snapshot());
}
process.stdout.write(JSON.stringify(log));
