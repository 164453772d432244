/** The page's script, second part: moving about, choosing, and the story in words. */
export const interaction = String.raw`
const story = document.getElementById('story');
const details = document.getElementById('details');

function clampView(fromMs, toMs) {
  const spanMs = Math.min(Math.max(toMs - fromMs, 2), data.endMs * 1.1);
  const from = Math.min(Math.max(fromMs, -data.endMs * 0.05), data.endMs * 1.05 - spanMs);
  view = { fromMs: from, toMs: from + spanMs };
  draw();
}
const zoom = (factor, aroundMs = (view.fromMs + view.toMs) / 2) =>
  clampView(aroundMs - (aroundMs - view.fromMs) * factor, aroundMs + (view.toMs - aroundMs) * factor);
const pan = (share) => {
  const byMs = (view.toMs - view.fromMs) * share;
  clampView(view.fromMs + byMs, view.toMs + byMs);
};
function reveal(ms, end = ms) {
  const spanMs = Math.max(view.toMs - view.fromMs, (end - ms) * 1.2);
  if (ms >= view.fromMs && end <= view.toMs) draw();
  else clampView((ms + end) / 2 - spanMs / 2, (ms + end) / 2 + spanMs / 2);
}
const wholeRun = () => clampView(-data.endMs * 0.02, data.endMs * 1.02);

/** From where the height that the violation speaks of begins to matter, not more than twenty seconds. */
function toViolation() {
  if (!violation) return toFirstFault();
  const marks = [...signatures, ...finals].filter(isInvolved);
  const begin = marks.length > 0 ? Math.min(...marks.map((item) => item.atMs)) : violation.atMs - 6000;
  const causes = faults.filter(({ nodes }) => nodes.some((node) => involved.nodes.includes(node)));
  const earlier = causes.flatMap((fault) => [fault.fromMs, ...fault.marks.map(({ atMs }) => atMs)]);
  const recent = [begin, ...earlier].filter((ms) => ms >= violation.atMs - 12000);
  const fromMs = Math.max(Math.min(begin, ...recent), violation.atMs - 20000);
  const spanMs = Math.max(60, violation.atMs - fromMs);
  clampView(fromMs - spanMs * 0.25, violation.atMs + spanMs * 0.15);
}
function toFirstFault() {
  const first = faults[0];
  if (first === undefined) clampView(0, Math.min(data.endMs, 10000));
  else clampView(first.fromMs - 1500, first.fromMs + 6000);
}

function select(item, isShownToo) {
  selected = item;
  details.replaceChildren();
  if (item === null) details.textContent = 'Click anything in the picture.';
  else {
    const [heading, rows] = describe(item);
    const title = document.createElement('strong');
    title.textContent = heading;
    const list = document.createElement('dl');
    for (const [name, value] of rows) {
      const term = document.createElement('dt'), text = document.createElement('dd');
      term.textContent = name;
      text.textContent = value;
      list.append(term, text);
    }
    details.append(title, list);
  }
  if (isShownToo && item !== null) reveal(item.atMs, item.toMs ?? item.arrivedMs ?? item.atMs);
  else draw();
}

function describe(item) {
  const at = ['at', seconds(item.atMs)], node = ['node', String(item.node)];
  const where = ['place', 'height ' + item.height + ', round ' + item.round];
  const span = [['from', seconds(item.fromMs)], ['to', seconds(item.toMs)]];
  switch (item.type) {
    case 'message':
      return [item.kind, [['from', 'node ' + item.from + ' at ' + seconds(item.sentMs)],
        ['to', 'node ' + item.to + (item.arrivedMs === null ? (isOnItsWay(item) ? ': on its way when the run ended' : ': never arrived') : ' at ' + seconds(item.arrivedMs))],
        ...(item.height === null ? [] : [where]), ['says', item.text]]];
    case 'signature':
      return ['signature of a ' + item.kind, [at, node, where, ['block', item.digest ?? 'none']]];
    case 'final': return ['final block', [at, node, ['height', String(item.height)], ['block', item.digest]]];
    case 'round': return ['in height ' + item.height + ', round ' + item.round, [node, ...span]];
    case 'absence': return [item.state === 'down' ? 'not running' : 'paused', [node, ...span]];
    case 'fault':
      return ['fault: ' + item.kind, [...span, ['nodes', item.nodes.length ? item.nodes.join(', ') : 'all'], ['is', item.text || item.kind]]];
    default: return ['warning', [at, node, ['says', item.text]]];
  }
}

/** What is nearest to a point, small things before large ones. */
function itemAt(px, py) {
  const near = (list, yOf) => list.find((item) => Math.hypot(x(item.atMs) - px, yOf(item) - py) < 8);
  const mark = near(finals, (item) => y(item.node)) ?? near(signatures, signatureY) ?? near(warnings, (item) => y(item.node) + 17);
  if (mark !== undefined) return mark;
  const visible = visibleMessages();
  const close = visible.length > drawnMax ? [] : visible.map((item) => [distance(ends(item), px, py), item]);
  const nearest = close.reduce((best, next) => (best === null || next[0] < best[0] ? next : best), null);
  if (nearest !== null && nearest[0] < 6) return nearest[1];
  const covers = (item) => px >= x(item.fromMs) && px <= Math.max(x(item.toMs), x(item.fromMs) + 4);
  const onBand = (item) => covers(item) && Math.abs(y(item.node) - py) < 10;
  return faults.find((item) => covers(item) && Math.abs(axisHeight + item.row * faultRow + 7 - py) < 9) ??
    absences.find(onBand) ?? rounds.find(onBand) ?? null;
}
function distance({ from, to }, px, py) {
  const dx = to.x - from.x, dy = to.y - from.y;
  const along = Math.min(1, Math.max(0, ((px - from.x) * dx + (py - from.y) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(from.x + along * dx - px, from.y + along * dy - py);
}

/** Up and down: the signatures, blocks, absences and faults in the order of time. */
const stops = [...signatures, ...finals, ...absences, ...faults, ...warnings].sort((a, b) => a.atMs - b.atMs);
function step(by) {
  const middle = (view.fromMs + view.toMs) / 2;
  let place = stops.indexOf(selected);
  if (place === -1) place = stops.findIndex((item) => item.atMs >= middle) - (by > 0 ? 1 : 0);
  const next = stops[Math.min(stops.length - 1, Math.max(0, place + by))];
  if (next !== undefined) select(next, true);
}

const keys = {
  ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => step(-1), ArrowDown: () => step(1),
  '+': () => zoom(0.6), '=': () => zoom(0.6), '-': () => zoom(1.6), v: toViolation, V: toViolation, 0: wholeRun,
  Escape: () => select(null, false),
};
canvas.addEventListener('keydown', (event) => {
  const action = keys[event.key];
  if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
});
canvas.addEventListener('wheel', (event) => {
  event.preventDefault();
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX || event.deltaY) / 1500);
  else zoom(Math.exp(event.deltaY / 500), msAt(event.offsetX));
}, { passive: false });
let drag = null;
canvas.addEventListener('pointerdown', (event) => {
  drag = { px: event.offsetX, fromMs: view.fromMs, toMs: view.toMs, isMoved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener('pointermove', (event) => {
  if (drag === null) {
    const item = itemAt(event.offsetX, event.offsetY);
    canvas.title = item === null ? '' : [describe(item)[0], ...describe(item)[1].map((row) => row.join(' '))].join('\n');
    canvas.style.cursor = item === null ? 'grab' : 'pointer';
    return;
  }
  if (Math.abs(event.offsetX - drag.px) > 3) drag.isMoved = true;
  const byMs = ((drag.px - event.offsetX) / (size.width - gutter)) * (drag.toMs - drag.fromMs);
  if (drag.isMoved) clampView(drag.fromMs + byMs, drag.toMs + byMs);
});
canvas.addEventListener('pointerup', (event) => {
  if (drag !== null && !drag.isMoved) select(itemAt(event.offsetX, event.offsetY), false);
  drag = null;
});

function button(text, action) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.addEventListener('click', action);
  return made;
}
function makeBar() {
  const bar = document.getElementById('bar');
  const home = violation ? button('Violation (V)', toViolation) : button('First fault (V)', toFirstFault);
  bar.append(home, button('Whole run (0)', wholeRun), button('+', () => zoom(0.6)), button('−', () => zoom(1.6)));
  for (const kind of [...consensusKinds, 'other']) {
    const label = document.createElement('label'), box = document.createElement('input'), swatch = document.createElement('span');
    box.type = 'checkbox';
    box.checked = shown.has(kind);
    swatch.className = 'swatch';
    swatch.style.background = 'var(--' + kind + ')';
    box.addEventListener('change', () => {
      if (box.checked) shown.add(kind);
      else shown.delete(kind);
      draw();
    });
    label.append(box, swatch, kind === 'other' ? 'other messages' : kind);
    bar.append(label);
  }
  if (data.messagesLeftOut > 0) bar.append(data.messagesLeftOut + ' messages far from here are left out');
}

/** What a person would tell of the run, in order. */
function chapters() {
  const told = [];
  const tell = (atMs, text, item, kind = '') => told.push({ atMs, text, item, kind });
  for (const fault of faults) {
    const whom = fault.nodes.length > 0 ? (fault.nodes.length > 1 ? ', nodes ' : ', node ') + fault.nodes.join(', ') : '';
    for (const { name, atMs } of fault.marks) tell(atMs, fault.kind + ': ' + name + whom, fault, 'fault');
    tell(fault.fromMs, fault.kind + ' begins' + (whom || (fault.text ? ': ' + fault.text : '')), fault, 'fault');
    if (fault.toMs < data.endMs) tell(fault.toMs, fault.kind + ' ends', fault, 'fault');
  }
  for (const absence of absences) {
    tell(absence.fromMs, 'node ' + absence.node + (absence.state === 'down' ? ' goes down' : ' is paused'), absence);
    if (absence.toMs < data.endMs) tell(absence.toMs, 'node ' + absence.node + ' is back', absence);
  }
  const first = (list, nameOf) => [...list.reduce((all, item) => (all.has(nameOf(item)) ? all : all.set(nameOf(item), item)), new Map()).values()];
  for (const item of first(rounds.filter(({ round }) => round > 0), ({ height, round }) => height + ' ' + round)) {
    tell(item.fromMs, 'height ' + item.height + ' comes to round ' + item.round + ', node ' + item.node + ' first', item);
  }
  for (const item of first(finals, ({ height }) => height)) {
    if (!isInvolved(item)) tell(item.atMs, 'block ' + short(item.digest) + ' is final at height ' + item.height, item);
  }
  for (const item of warnings) tell(item.atMs, 'node ' + item.node + ' warns: ' + item.text, item);
  for (const item of [...signatures, ...finals].filter(isInvolved)) {
    const block = item.digest === null ? ' without a prepared block' : ' for block ' + short(item.digest);
    const what = item.type === 'final' ? 'has block ' + short(item.digest) + ' final' : 'signs a ' + item.kind + block;
    const where = ' at height ' + item.height + (item.round === undefined ? '' : ', round ' + item.round);
    tell(item.atMs, 'node ' + item.node + ' ' + what + where, item, 'key');
  }
  told.sort((a, b) => a.atMs - b.atMs);
  if (violation) tell(violation.atMs, violation.checker + ' violated: ' + violation.detail, null, 'key');
  return told;
}

function makeStory() {
  const all = chapters();
  const focusMs = violation ? violation.atMs : data.endMs;
  const near = all.filter(({ atMs, kind }) => kind === 'key' || kind === 'fault' || atMs >= focusMs - 15000);
  const fill = (list) => {
    story.replaceChildren(...list.slice(-2000).map(({ atMs, text, item, kind }) => {
      const entry = document.createElement('li');
      const made = button('', () => (item === null ? toViolation() : select(item, true)));
      const time = document.createElement('time'), words = document.createElement('span');
      time.textContent = (atMs / 1000).toFixed(3);
      words.textContent = text;
      if (kind !== '') words.className = kind;
      made.append(time, words);
      entry.append(made);
      return entry;
    }));
    if (list.length < all.length) {
      const more = document.createElement('li');
      more.append(button('Show all ' + all.length + ' events', () => fill(all)));
      story.prepend(more);
    }
    story.scrollTop = story.scrollHeight;
  };
  fill(violation ? near : all);
}

placeFaults();
readColours();
makeBar();
makeStory();
resize();
toViolation();
addEventListener('resize', resize);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  readColours();
  draw();
});
`;
