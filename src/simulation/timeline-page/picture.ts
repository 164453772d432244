/** The page's script, first part: the data, where things are in the picture, and how it is drawn. */
export const picture = String.raw`
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const canvas = document.getElementById('picture');
const pen = canvas.getContext('2d');
const words = { proposal: 'propos', prepare: 'prepare', commit: 'commit', 'round-change': 'round change' };
const consensusKinds = ['proposal', 'prepare', 'commit', 'round-change'];
const [violation] = data.violations;
const gutter = 92, axisHeight = 30, faultRow = 17, laneMin = 58, drawnMax = 2500;
const messages = data.messages.map(([from, to, sentMs, arrivedMs, kind, height, round, text]) =>
  ({ type: 'message', from, to, atMs: sentMs, sentMs, arrivedMs, kind: data.kinds[kind], height, round, text }));
const typed = (type, list) => list.map((item) => ({ ...item, type, atMs: item.atMs ?? item.fromMs }));
const faults = typed('fault', data.faults), absences = typed('absence', data.absences);
const rounds = typed('round', data.rounds), finals = typed('final', data.finals);
const signatures = typed('signature', data.signatures), warnings = typed('warning', data.warnings);
const shown = new Set(consensusKinds);
const involved = violation ? involvedIn(violation.detail) : { nodes: [], height: null, rounds: [], kinds: [] };
let view = { fromMs: 0, toMs: data.endMs };
let selected = null, size = { width: 0, height: 0 }, rows = 0, colours = {};

/** What a violation speaks of: the checkers name validators, heights and rounds. */
function involvedIn(detail) {
  const numbers = (pattern) => [...detail.matchAll(pattern)].map(([, digits]) => Number(digits));
  return {
    nodes: [...new Set(numbers(/(?:validator|node) (\d+)/g))],
    height: numbers(/height (\d+)/g)[0] ?? null,
    rounds: numbers(/round (?:change to )?(\d+)/g),
    kinds: consensusKinds.filter((kind) => detail.replace('-', ' ').includes(words[kind])),
  };
}
function isInvolved(item) {
  if (involved.height === null || item.height !== involved.height || !involved.nodes.includes(item.node)) return false;
  if (item.type === 'final') return /final/.test(violation.detail);
  const { rounds, kinds } = involved;
  return item.type === 'signature' && (rounds.length === 0 || rounds.includes(item.round)) &&
    (kinds.length === 0 || kinds.includes(item.kind));
}

const x = (ms) => gutter + ((ms - view.fromMs) / (view.toMs - view.fromMs)) * (size.width - gutter);
const msAt = (px) => view.fromMs + ((px - gutter) / (size.width - gutter)) * (view.toMs - view.fromMs);
const lanesTop = () => axisHeight + rows * faultRow + 6;
const laneHeight = () => (size.height - lanesTop()) / data.nodes;
const y = (node) => lanesTop() + (node + 0.5) * laneHeight();
const inView = (item, end) => item.atMs <= view.toMs && end >= view.fromMs;
const colourOf = (kind) => colours[kind] ?? colours.other;
const seconds = (ms) => (ms / 1000).toFixed(3) + ' s';
const short = (digest) => (digest ? digest.slice(0, 8) : 'none');

/** Faults one under the other where they overlap. */
function placeFaults() {
  const ends = [];
  for (const fault of faults) {
    let row = ends.findIndex((endMs) => endMs <= fault.fromMs);
    if (row === -1) row = ends.length < 6 ? ends.length : 5;
    ends[row] = Math.max(ends[row] ?? 0, fault.toMs + (data.endMs > 60000 ? 1500 : 500));
    fault.row = row;
  }
  rows = ends.length;
}

function readColours() {
  const computed = getComputedStyle(document.documentElement);
  for (const name of ['ground', 'panel', 'line', 'text', 'dim', 'calm', 'calm-other', 'late', 'later', 'absent', 'fault',
    'fault-line', 'violation', 'final', 'other', ...consensusKinds]) {
    colours[name] = computed.getPropertyValue('--' + name).trim();
  }
}

function resize() {
  const width = canvas.parentElement.clientWidth;
  const height = Math.max(Math.round(innerHeight * 0.62), lanesTop() + laneMin * data.nodes);
  const scale = devicePixelRatio || 1;
  size = { width, height };
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = height + 'px';
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  draw();
}

function draw() {
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, size.width, size.height);
  pen.save();
  pen.beginPath();
  pen.rect(gutter, 0, size.width - gutter, size.height);
  pen.clip();
  drawAxis();
  faults.forEach(drawFault);
  for (let node = 0; node < data.nodes; node++) line(gutter, y(node), size.width, y(node), colours.line, 1);
  rounds.forEach(drawRound);
  absences.forEach(drawAbsence);
  drawMessages();
  signatures.forEach(drawSignature);
  finals.forEach(drawFinal);
  warnings.forEach(drawWarning);
  if (violation) drawViolation();
  pen.restore();
  drawGutter();
}

function line(x1, y1, x2, y2, colour, width, dash = []) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
  pen.setLineDash([]);
}
function write(text, px, py, colour, font = '11px system-ui, sans-serif') {
  pen.fillStyle = colour;
  pen.font = font;
  pen.textBaseline = 'middle';
  pen.fillText(text, px, py);
}

function drawAxis() {
  const spanMs = view.toMs - view.fromMs;
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000];
  const step = steps.find((candidate) => (candidate / spanMs) * (size.width - gutter) > 80) ?? 600000;
  for (let ms = Math.ceil(view.fromMs / step) * step; ms <= view.toMs; ms += step) {
    line(x(ms), axisHeight - 6, x(ms), size.height, colours.line, 0.5);
    write((ms / 1000).toFixed(step < 10 ? 3 : step < 100 ? 2 : step < 1000 ? 1 : 0) + ' s', x(ms) + 3, 13, colours.dim);
  }
}

function drawFault(fault) {
  const beginMs = Math.min(fault.fromMs, ...fault.marks.map(({ atMs }) => atMs));
  if (beginMs > view.toMs || fault.toMs < view.fromMs) return;
  const left = x(fault.fromMs), width = Math.max(3, x(fault.toMs) - left);
  const top = axisHeight + fault.row * faultRow;
  pen.fillStyle = colours.fault;
  const hit = fault.nodes.length === 0 ? [...Array(data.nodes).keys()] : fault.nodes;
  for (const node of hit) pen.fillRect(left, y(node) - laneHeight() / 2, width, laneHeight());
  pen.fillRect(left, top, width, faultRow - 3);
  line(left, top, left, top + faultRow - 3, colours['fault-line'], fault === selected ? 4 : 2);
  for (const { name, atMs } of fault.marks) {
    line(x(atMs), top + 7, left, top + 7, colours['fault-line'], 1, [3, 3]);
    line(x(atMs), top, x(atMs), top + faultRow - 3, colours['fault-line'], 1.5);
    write(name, x(atMs) + 5, top - 1, colours['fault-line'], '10px system-ui, sans-serif');
    for (const node of fault.nodes) line(x(atMs), y(node) - 20, x(atMs), y(node) + 20, colours['fault-line'], 1.5, [3, 3]);
  }
  write(fault.kind, Math.max(left, gutter) + 5, top + 7, colours['fault-line'], '600 11px system-ui, sans-serif');
}

function drawRound(band) {
  if (!inView(band, band.toMs)) return;
  const left = Math.max(gutter - 2, x(band.fromMs)), width = x(band.toMs) - left;
  const colour = band.round === 0 ? (band.height % 2 ? 'calm' : 'calm-other') : band.round === 1 ? 'late' : 'later';
  pen.fillStyle = colours[colour];
  pen.fillRect(left, y(band.node) - 9, width, 18);
  if (band === selected) outline(left, y(band.node) - 9, width, 18);
  const name = 'h' + band.height + (band.round ? ' r' + band.round : '');
  if (width > 52) write(name, left + 9, y(band.node), colours.text);
}
function outline(left, top, width, height) {
  pen.strokeStyle = colours.text;
  pen.lineWidth = 2;
  pen.strokeRect(left, top, width, height);
}

function drawAbsence(absence) {
  if (!inView(absence, absence.toMs)) return;
  const left = Math.max(gutter - 2, x(absence.fromMs)), width = Math.max(2, x(absence.toMs) - left), middle = y(absence.node);
  pen.fillStyle = colours.ground;
  pen.fillRect(left, middle - 10, width, 20);
  pen.save();
  pen.beginPath();
  pen.rect(left, middle - 10, width, 20);
  pen.clip();
  const until = Math.min(size.width, left + width);
  for (let at = left - 20; at < until; at += 7) line(at, middle + 10, at + 20, middle - 10, colours.absent, 2);
  pen.restore();
  if (absence === selected) outline(left, middle - 10, width, 20);
  if (width > 60) {
    pen.fillStyle = colours.ground;
    pen.fillRect(left + 4, middle - 7, 46, 14);
    write(absence.state, left + 7, middle, colours.text);
  }
}

/** Sent so late that it was on its way when the run ended. */
const isOnItsWay = (message) => message.arrivedMs === null && message.sentMs > data.endMs - 500;

/** Where a line of a message ends; one that never arrived ends on half its way. */
function ends(message) {
  const from = { x: x(message.sentMs), y: y(message.from) }, to = { x: 0, y: y(message.to) };
  to.x = x(message.arrivedMs ?? message.sentMs + (view.toMs - view.fromMs) * 0.02);
  if (message.arrivedMs === null) to.y = from.y + (to.y - from.y) * 0.45;
  return { from, to };
}
const isShown = ({ kind }) => shown.has(consensusKinds.includes(kind) ? kind : 'other');
const visibleMessages = () =>
  messages.filter((message) => isShown(message) && inView(message, message.arrivedMs ?? message.sentMs));

function drawMessages() {
  const visible = visibleMessages();
  if (visible.length > drawnMax) {
    const text = visible.length + ' messages in view: zoom in to see them';
    write(text, gutter + 10, size.height - 12, colours.dim, '12px system-ui, sans-serif');
  } else for (const message of visible) drawMessage(message, false);
  if (selected?.type === 'message') drawMessage(selected, true);
}
function drawMessage(message, isSelected) {
  const { from, to } = ends(message);
  const colour = colourOf(message.kind);
  pen.globalAlpha = isSelected ? 1 : 0.62;
  line(from.x, from.y, to.x, to.y, colour, isSelected ? 3 : 1.2, message.arrivedMs === null ? [4, 3] : []);
  pen.fillStyle = colour;
  if (isOnItsWay(message)) return void (pen.globalAlpha = 1);
  if (message.arrivedMs === null) {
    line(to.x - 4, to.y - 4, to.x + 4, to.y + 4, colour, 2);
    line(to.x - 4, to.y + 4, to.x + 4, to.y - 4, colour, 2);
  } else {
    const angle = Math.atan2(to.y - from.y, to.x - from.x);
    pen.beginPath();
    pen.moveTo(to.x, to.y);
    pen.lineTo(to.x - 8 * Math.cos(angle - 0.35), to.y - 8 * Math.sin(angle - 0.35));
    pen.lineTo(to.x - 8 * Math.cos(angle + 0.35), to.y - 8 * Math.sin(angle + 0.35));
    pen.fill();
  }
  pen.globalAlpha = 1;
}

const signatureY = (item) => y(item.node) - 15;
function drawSignature(item) {
  if (!inView(item, item.atMs)) return;
  const px = x(item.atMs), py = signatureY(item);
  pen.fillStyle = colourOf(item.kind);
  pen.fillRect(px - 2, py - 5, 4, 9);
  mark(item, px, py);
}
function drawFinal(item) {
  if (!inView(item, item.atMs)) return;
  const px = x(item.atMs), py = y(item.node);
  pen.fillStyle = colours.final;
  pen.beginPath();
  pen.moveTo(px, py - 7);
  pen.lineTo(px + 5, py);
  pen.lineTo(px, py + 7);
  pen.lineTo(px - 5, py);
  pen.fill();
  mark(item, px, py);
}
function drawWarning(item) {
  if (!inView(item, item.atMs)) return;
  write('!', x(item.atMs) - 2, y(item.node) + 17, colours['round-change'], '700 13px system-ui, sans-serif');
  if (item === selected) outline(x(item.atMs) - 6, y(item.node) + 9, 12, 16);
}

/** A ring around what is selected, and around what the violation speaks of. */
function mark(item, px, py) {
  const isKey = violation !== undefined && isInvolved(item);
  if (!isKey && item !== selected) return;
  pen.strokeStyle = isKey ? colours.violation : colours.text;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(px, py, 10, 0, 7);
  pen.stroke();
  if (!isKey) return;
  const same = item.type === 'signature' ? signatures : finals;
  const place = same.filter((other) => isInvolved(other) && other.node === item.node && other.atMs < item.atMs).length;
  const text = (item.kind ?? 'final') + ' ' + (item.digest === null ? 'without a block' : short(item.digest));
  pen.font = '600 11px ui-monospace, monospace';
  const width = pen.measureText(text).width, left = Math.min(px + 12, size.width - width - 10);
  const top = Math.min(py + 26 + place * 15, size.height - 10);
  pen.fillStyle = colours.ground;
  pen.fillRect(left - 3, top - 7, width + 6, 14);
  write(text, left, top, colours.violation, '600 11px ui-monospace, monospace');
  line(px, py + 10, left, top, colours.violation, 1);
}

function drawViolation() {
  const px = x(violation.atMs);
  line(px, 0, px, size.height, colours.violation, 2.5);
  const text = violation.checker + ' violated';
  pen.font = '700 12px system-ui, sans-serif';
  const width = pen.measureText(text).width + 12, left = Math.min(Math.max(gutter, px - width), size.width - width);
  pen.fillStyle = colours.violation;
  pen.fillRect(left, 0, width, 20);
  write(text, left + 6, 10, colours.ground, '700 12px system-ui, sans-serif');
}

function drawGutter() {
  pen.fillStyle = colours.panel;
  pen.fillRect(0, 0, gutter, size.height);
  write('faults', 10, axisHeight + 7, rows ? colours.dim : colours.panel);
  for (let node = 0; node < data.nodes; node++) {
    const isKey = involved.nodes.includes(node);
    const font = (isKey ? '700 ' : '') + '13px system-ui, sans-serif';
    write('node ' + node, 10, y(node), isKey ? colours.violation : colours.text, font);
    line(0, y(node) + laneHeight() / 2, size.width, y(node) + laneHeight() / 2, colours.line, 0.5);
  }
}
`;
