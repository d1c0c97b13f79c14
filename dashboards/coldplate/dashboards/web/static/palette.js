// Colours of cells: viridis, which rises in lightness alone, so it reads without seeing red or green, or any colour.
// Smith and van der Walt, A Better Default Colormap for Matplotlib, SciPy 2015.

const VIRIDIS = [
  0x440154, 0x481a6c, 0x472f7d, 0x414487, 0x39568c, 0x31688e, 0x2a788e, 0x23888e, 0x1f988b,
  0x22a884, 0x35b779, 0x54c568, 0x7ad151, 0xa5db36, 0xd2e21b, 0xfde725,
];
/** Of incidents, by place in the list of severities: none, info, ticket, warning, critical. */
const INCIDENTS = [0.06, 0.22, 0.42, 0.74, 1];
/** Two greys that alternate from cell to cell: what is absent is hatched, and no colour of any scale. */
const HATCH = {
  dark: [
    [34, 38, 43],
    [50, 55, 61],
  ],
  light: [
    [208, 212, 217],
    [184, 189, 195],
  ],
};

/** @typedef {{number: number, name: string, title: string, unit: string, lowest: number, step: number, scale: number[]|null}} Channel */

/** Red, green, blue at a place from 0 to 1. */
export function viridis(place) {
  const at = Math.min(Math.max(place, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return [16, 8, 0].map((shift) => {
    const a = (VIRIDIS[low] >> shift) & 255;
    const b = (VIRIDIS[low + 1] >> shift) & 255;
    return Math.round(a + (b - a) * (at - low));
  });
}

/** What a byte stands for; null for absence. @param {Channel} channel */
export function valueOf(channel, code) {
  return code === 0 ? null : channel.lowest + (code - 1) * channel.step;
}

/** Place of a value on a channel's scale: 1 is what to look at first. */
export function placeOf(channel, value) {
  const [from, to] = channel.scale;
  return Math.min(Math.max((value - from) / (to - from), 0), 1);
}

/** Red, green, blue of a value; with a theme, in its greys. @param {Channel} channel @param {number} value @param {string} [greyOf] */
export function colourOf(channel, value, greyOf = "") {
  let rgb;
  if (channel.scale) rgb = viridis(placeOf(channel, value));
  else if (channel.name === "incident")
    rgb = viridis(INCIDENTS[Math.min(value, INCIDENTS.length - 1)]);
  else rgb = ofJob(value);
  return greyOf ? faded(rgb, greyOf) : rgb;
}

/**
 * Colours of all bytes, as pixels; the second table is for every other cell.
 * @returns {Uint32Array[]}
 */
export function tables(channel, grey, theme) {
  return [0, 1].map((odd) => {
    const table = new Uint32Array(256);
    for (let code = 0; code < 256; code++) {
      const [r, g, b] = code
        ? colourOf(channel, valueOf(channel, code), grey ? theme : "")
        : HATCH[theme][odd];
      table[code] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
    }
    return table;
  });
}

/** "#rrggbb". @param {number[]} rgb */
export function hex([r, g, b]) {
  return `#${((1 << 24) | (r << 16) | (g << 8) | b).toString(16).slice(1)}`;
}

/** Black or white, whichever reads on a colour. @param {number[]} rgb */
export function inkOn([r, g, b]) {
  const [lr, lg, lb] = [r, g, b].map((c) => ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb > 0.18 ? "#000000" : "#ffffff";
}

/** Grey as light as the colour, near the ground: still seen as a picture, taken for no live one. @param {number[]} rgb @param {string} theme */
function faded([r, g, b], theme) {
  const [least, part] = theme === "light" ? [140, 0.36] : [46, 0.42];
  const grey = Math.round(least + part * (0.2126 * r + 0.7152 * g + 0.0722 * b));
  return [grey, grey, grey];
}

/** Neighbours in the list lie far apart in hue, and differ in lightness too. */
function ofJob(number) {
  const hue = (number * 137.508) % 360;
  const light = [0.42, 0.58, 0.74][number % 3];
  const chroma = (1 - Math.abs(2 * light - 1)) * 0.55;
  return [0, 8, 4].map((n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (light - (chroma / 2) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  });
}
