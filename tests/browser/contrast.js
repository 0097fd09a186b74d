// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// Each text that is shown, its colour, and all that lies below it; returns how many were judged and which are poor.
(() => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      paint.clearRect(0, 0, 1, 1);
      paint.fillStyle = colour;
      paint.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    const layers = [];
    for (let node = element; node; node = node.parentElement) {
      layers.push(rgba(getComputedStyle(node).backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const opacity = (element) => {
    let found = 1;
    for (let node = element; node; node = node.parentElement) found *= Number(getComputedStyle(node).opacity);
    return found;
  };
  // A text in a drawing lies on the shapes before it, or on its own halo.
  const drawnOn = (text, style) => {
    if (style.paintOrder.startsWith('stroke') && style.stroke !== 'none') return [rgba(style.stroke)];
    const box = text.getBoundingClientRect();
    const shapes = [...text.ownerSVGElement.querySelectorAll('rect, circle, polygon')].filter(
      (shape) => text.compareDocumentPosition(shape) & Node.DOCUMENT_POSITION_PRECEDING);
    return [0.02, 0.25, 0.5, 0.75, 0.98].map((share) => {
      const [x, y] = [box.left + share * box.width, (box.top + box.bottom) / 2];
      return shapes.reduce((below, shape) => {
        const area = shape.getBoundingClientRect();
        const inside = area.left <= x && x <= area.right && area.top <= y && y <= area.bottom;
        return inside ? over(rgba(getComputedStyle(shape).fill), below) : below;
      }, ground(text));
    });
  };
  const poor = [];
  let checked = 0;
  const judge = (element, words, style, grounds) => {
    const bold = Number(style.fontWeight) >= 700;
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
    const [r, g, b, a] = rgba(element instanceof SVGElement ? style.fill : style.color);
    checked += 1;
    for (const below of grounds) {
      const seen = ratio(over([r, g, b, a * opacity(element)], below), below);
      if (seen < least) poor.push(`${seen.toFixed(2)} of ${least} <${element.tagName} class="${element.getAttribute('class') || ''}"> ` +
        `rgb(${r} ${g} ${b}) on rgb(${below.slice(0, 3).map(Math.round).join(' ')}): ${words.trim().slice(0, 50)}`);
    }
  };
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility({ visibilityProperty: true }) && box.width > 0 && box.height > 0 && box.right > 0;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('script, option, title, desc') || !shown(element)) continue;
    const style = getComputedStyle(element);
    judge(element, walker.currentNode.data, style, element instanceof SVGElement ? drawnOn(element, style) : [ground(element)]);
  }
  for (const element of document.body.querySelectorAll('*')) {
    if (element instanceof SVGElement || !shown(element)) continue;
    for (const part of ['::before', '::after', '::marker', '::placeholder']) {
      const style = getComputedStyle(element, part);
      const written = part === '::placeholder' ? element.placeholder
        : part === '::marker' ? element.tagName === 'LI' && style.listStyleType !== 'none'
        : /[^"\s]/.test(style.content.replace(/^(none|normal)$/, ''));
      if (written) judge(element, part, style, [over(part === '::before' || part === '::after' ? rgba(style.backgroundColor) : [0, 0, 0, 0], ground(element))]);
    }
    if (element.tagName === 'SELECT') judge(element, element.value, getComputedStyle(element), [ground(element)]);
  }
  return { checked, poor: [...new Set(poor)] };
})()
