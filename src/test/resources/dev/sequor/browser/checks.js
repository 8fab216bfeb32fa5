// What a page looks like, measured where it is shown. Each function gives plain values or a list of complaints.
(() => {
  const words = (text) => JSON.stringify(text.trim().slice(0, 60));
  const isSvg = (element) => element instanceof SVGElement;

  // Every piece of text that is shown, with its element and the place of its first line.
  function texts() {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.data.trim() === '' || node.parentElement.closest('script,style,title,desc')) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = [...range.getClientRects()].find((each) => each.width > 0 && each.height > 0);
      if (box) found.push({ words: node.data, element: node.parentElement, box });
    }
    return found;
  }

  // How large letters are shown, in CSS pixels.
  function size(element) {
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (!isSvg(element)) return size;
    const matrix = element.getScreenCTM();
    return size * Math.hypot(matrix.a, matrix.b);
  }

  function colour(text) {
    const numbers = text.match(/[\d.]+/g);
    if (!/^rgba?\(/.test(text) || !numbers) return null;
    const [red, green, blue, alpha = 1] = numbers.map(Number);
    return { red, green, blue, alpha };
  }

  function over(top, bottom) {
    const mix = (channel) => top[channel] * top.alpha + bottom[channel] * (1 - top.alpha);
    return { red: mix('red'), green: mix('green'), blue: mix('blue'), alpha: 1 };
  }

  function opacity(element) {
    let product = 1;
    for (let each = element; each; each = each.parentElement) product *= parseFloat(getComputedStyle(each).opacity);
    return product;
  }

  function fill(element) {
    const style = getComputedStyle(element);
    const paint = colour(style.fill);
    return paint && { ...paint, alpha: paint.alpha * parseFloat(style.fillOpacity) * opacity(element) };
  }

  // What lies below a text: shapes of its picture, then backgrounds of elements around it, then the canvas.
  function background(element, box) {
    const layers = [];
    if (isSvg(element)) {
      const stack = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
      for (const each of stack.slice(stack.indexOf(element) + 1)) {
        if (!isSvg(each) || each.localName === 'svg') break;
        const paint = each.closest('text') ? null : fill(each);
        if (paint) layers.push(paint);
      }
    }
    for (let each = element.closest('svg') ?? element; each; each = each.parentElement) {
      const paint = colour(getComputedStyle(each).backgroundColor);
      if (paint) layers.push(paint);
    }
    const dark = getComputedStyle(document.documentElement).colorScheme.includes('dark')
        && matchMedia('(prefers-color-scheme:dark)').matches;
    const canvas = dark ? { red: 18, green: 18, blue: 18, alpha: 1 } : { red: 255, green: 255, blue: 255, alpha: 1 };
    return layers.reduceRight((below, layer) => over(layer, below), canvas);
  }

  // WCAG 2.2.
  function luminance({ red, green, blue }) {
    const linear = (channel) => {
      const part = channel / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  }

  function ratio(one, two) {
    const [least, most] = [luminance(one), luminance(two)].sort((a, b) => a - b);
    return (most + 0.05) / (least + 0.05);
  }

  // 4.5, or 3 for large letters (from 24 px, bold from 18.66 px).
  function contrast() {
    return texts().flatMap(({ words: text, element, box }) => {
      const style = getComputedStyle(element);
      const ink = isSvg(element) ? fill(element) : colour(style.color);
      if (!ink) return [`${words(text)} has the colour ${isSvg(element) ? style.fill : style.color}`];
      const below = background(element, box);
      const alpha = isSvg(element) ? ink.alpha : ink.alpha * opacity(element);
      const found = ratio(over({ ...ink, alpha }, below), below);
      const pixels = size(element);
      const needed = pixels >= 24 || (pixels >= 18.66 && parseInt(style.fontWeight) >= 700) ? 3 : 4.5;
      return found >= needed ? [] : [`${words(text)} has a contrast of ${found.toFixed(2)}; needed ${needed}`];
    });
  }

  function small(least) {
    return texts()
      .filter(({ element }) => size(element) < least - 0.01)
      .map(({ words: text, element }) => `${words(text)} is ${size(element).toFixed(1)} px high`);
  }

  // Text that lies outside of its picture is cut off.
  function cut() {
    return texts().filter(({ element }) => isSvg(element)).flatMap(({ words: text, element, box }) => {
      const picture = element.ownerSVGElement.getBoundingClientRect();
      const inside = box.left >= picture.left - 1 && box.right <= picture.right + 1
          && box.top >= picture.top - 1 && box.bottom <= picture.bottom + 1;
      return inside ? [] : [`${words(text)} reaches out of its picture`];
    });
  }

  function sideways(width) {
    const widest = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth);
    if (widest <= width) return [];
    const scrolls = (element) => element.closest('.scroll,figure,[style*=overflow]');
    const culprits = [...document.querySelectorAll('body *')]
      .filter((each) => each.getBoundingClientRect().right > width + 0.5 && !scrolls(each))
      .map((each) => each.localName + ' ' + words(each.textContent));
    return [`the page is ${widest} wide: ${culprits.slice(0, 5).join(', ')}`];
  }

  const all = () => [...document.querySelectorAll('*')];
  const isShown = (element) => element.getClientRects().length > 0;

  // What must be reached by keys: links, and what scrolls by itself.
  function reachable() {
    const scrolls = (element) => /auto|scroll/.test(getComputedStyle(element).overflowX)
        && element.scrollWidth > element.clientWidth + 1;
    return all().flatMap((element, i) => isShown(element) && (element.matches('a[href]') || scrolls(element)) ? [i] : []);
  }

  // The element that has the focus, and how that is seen.
  function focused() {
    const element = document.activeElement;
    if (!element || element === document.body) return { element: -1 };
    const style = getComputedStyle(element);
    const ring = colour(style.outlineColor);
    const box = element.getBoundingClientRect();
    return {
      element: all().indexOf(element),
      name: element.localName + ' ' + words(element.getAttribute('aria-label') ?? element.textContent),
      ringed: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && ring !== null
          && ratio(over(ring, background(element, box)), background(element, box)) >= 3,
      inSight: box.bottom > 0 && box.top < innerHeight,
    };
  }

  // Pictures with a role, and what is drawn of each series: marks that have words, and corners of its line.
  function charts() {
    return [...document.querySelectorAll('svg[role=img]')].map((svg) => ({
      label: svg.getAttribute('aria-label'),
      series: [...svg.querySelectorAll('[data-series]')].map((group) => {
        const line = group.querySelector(':scope > path[fill=none]');
        const box = group.getBoundingClientRect();
        const picture = svg.getBoundingClientRect();
        return {
          name: group.dataset.series,
          marks: group.querySelectorAll(':scope > * > title').length,
          corners: line ? line.getAttribute('d').match(/[ML]/g).length : 0,
          inside: box.width + box.height > 0 && box.left >= picture.left - 1 && box.right <= picture.right + 1
              && box.top >= picture.top - 1 && box.bottom <= picture.bottom + 1,
        };
      }),
    }));
  }

  return {
    contrast, small, cut, sideways, reachable, focused, charts,
    names: () => all().map((element) => element.localName),
    canvas: () => {
      const { red, green, blue } = background(document.body, { x: 0, y: 0, width: 0, height: 0 });
      return luminance({ red, green, blue });
    },
  };
})()
