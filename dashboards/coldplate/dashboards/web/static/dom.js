// Builds elements. What others named goes in as text or attribute, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with its attributes and children.
 * @param {string} name of the element
 * @param {Object<string, any>} [attributes] `on...` are listeners, absent ones (null, false) are left out
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same in SVG. @returns {SVGElement} */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** The element of the page with that id. @returns {any} */
export function byId(id) {
  return document.getElementById(id);
}

/** Sets a text only where it differs, so that a screen reader hears of changes alone. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A button that is one in every sense. */
export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/** Whether the viewer asked for little movement. */
export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
