// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// What reaches beyond the page, and what is cut by the edge of its own box.
(() => {
  const most = document.documentElement.clientWidth + 1;
  const name = (node) => `<${node.tagName} class="${node.getAttribute('class') || ''}" id="${node.id}">`;
  const told = (node) => `${name(node)} ${node.textContent.trim().slice(0, 40)}`;
  const found = [];
  if (document.documentElement.scrollWidth > most) found.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  for (const node of document.body.querySelectorAll('*')) {
    if (!node.checkVisibility()) continue;
    const box = node.getBoundingClientRect();
    if (box.width && (box.right > most || box.left < -1)) found.push(`${told(node)} reaches from ${box.left} to ${box.right}`);
    const style = getComputedStyle(node);
    if (node instanceof SVGElement || (style.overflowX === 'visible' && style.overflowY === 'visible')) continue;
    if (node.scrollWidth > node.clientWidth + 1) found.push(`${told(node)} hides ${node.scrollWidth - node.clientWidth} px of its width`);
    if (node.scrollHeight > node.clientHeight + 1) found.push(`${told(node)} hides ${node.scrollHeight - node.clientHeight} px of its height`);
  }
  return found;
})()
