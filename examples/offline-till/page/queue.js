/** The outbox for people: each entry with its state, what is stuck on top with what can be done about it. */
import { menu } from './menu.js';

const at = (id) => document.getElementById(id);
let outbox;
let drawn;

/** Draws the queue, and again at each change. */
export function showQueue(given) {
  outbox = given;
  outbox.subscribe(draw);
  // Waiting times are shown in seconds and pass by themselves.
  setInterval(draw, 1000);
  at('editor').addEventListener('close', () => (at('editor').returnValue = ''));
  draw();
}

const rank = { dead: 0, parked: 1, open: 2, done: 3 };

function draw() {
  const { entries, usage } = outbox.snapshot();
  const ordered = entries.toSorted(
    (a, b) => rank[a.state] - rank[b.state] || (a.state === 'done' ? b.seq - a.seq : a.seq - b.seq),
  );
  const shape = JSON.stringify([usage, ordered.map((entry) => [entry.id, stateOf(entry)])]);
  // Nothing to see changed: what the pointer or the keyboard is on stays where it is.
  if (shape === drawn) return;
  drawn = shape;
  if (usage !== null) {
    at('counts').textContent = [
      [usage.dead.entries, 'stopped'],
      [usage.parked.entries + usage.open.entries, 'waiting'],
      [usage.done.entries, 'done'],
    ]
      .filter(([count]) => count > 0)
      .map(([count, word]) => `${count} ${word}`)
      .join(' · ');
  }
  const list = document.createElement('ul');
  list.append(...ordered.map(row));
  const nothing = Object.assign(document.createElement('p'), {
    className: 'nothing',
    textContent: 'Nothing was added yet.',
  });
  at('queue').replaceChildren(ordered.length === 0 ? nothing : list);
}

function stateOf({ state, sending, sends, dueAtMs, failure }) {
  if (state === 'dead') return { kind: 'dead', text: 'stopped', why: reasonOf(failure) };
  if (state === 'parked') return { kind: 'parked', text: 'parked', why: 'waits for one that stopped' };
  if (state === 'done') return { kind: 'done', text: 'done' };
  if (sending) return { kind: 'sending', text: 'sending' };
  if (sends === 0) return { kind: 'waiting', text: 'waiting' };
  const seconds = dueAtMs === null ? 0 : Math.ceil((dueAtMs - Date.now()) / 1000);
  const when = seconds > 0 ? `again in ${seconds} s` : 'again soon';
  return {
    kind: 'again',
    text: when,
    why: `no answer yet, asked ${sends} ${sends === 1 ? 'time' : 'times'} with one key`,
  };
}

function reasonOf({ body, detail }) {
  try {
    return JSON.parse(body).error ?? detail;
  } catch {
    return detail;
  }
}

function row(entry) {
  const { kind, text, why } = stateOf(entry);
  const line = document.createElement('li');
  line.className = kind;
  line.innerHTML = '<div class="what"><strong></strong><span></span></div><span class="chip"></span>';
  const [what, chip] = line.children;
  what.children[0].textContent = entry.meta?.label ?? entry.url;
  what.children[1].textContent = [entry.meta?.of, entry.result?.serverId, why].filter(Boolean).join(' · ');
  chip.className = `chip ${kind}`;
  chip.textContent = entry.result?.replayed ? 'done, replayed' : text;
  if (entry.state === 'dead') line.append(actions(entry));
  return line;
}

function actions(entry) {
  const box = document.createElement('div');
  box.className = 'actions';
  const does = (label, className, work) => {
    const button = Object.assign(document.createElement('button'), { textContent: label, className });
    button.addEventListener('click', () => {
      Promise.resolve(work()).catch((error) => alert(error.message));
    });
    return button;
  };
  box.append(
    does('Correct …', 'primary', () => edit(entry)),
    does('Try again', 'quiet', () => outbox.retry(entry.id)),
    does('Go on without', 'quiet danger', () => goOnWithout(entry)),
  );
  return box;
}

/** Settled by hand: a payment that waited for a refused line goes on. (Discarding it would stop the payment, too.) */
async function goOnWithout(entry) {
  if (confirm(`Go on without “${entry.meta?.label ?? entry.id}”?`)) await outbox.settle(entry.id);
}

function edit(entry) {
  const [dialog, body, sku] = [at('editor'), at('editor-body'), at('editor-sku')];
  const request = JSON.parse(entry.body ?? '{}');
  at('editor-reason').textContent = reasonOf(entry.failure);
  at('editor-error').textContent = '';
  body.value = JSON.stringify(request, null, 1);
  sku.replaceChildren(...menu.map((item) => new Option(item.name, item.sku, false, item.sku === request.sku)));
  sku.hidden = at('editor').querySelector('[for=editor-sku]').hidden = request.sku === undefined;
  sku.onchange = () => {
    const { price } = menu.find((item) => item.sku === sku.value);
    body.value = JSON.stringify({ ...request, sku: sku.value, price }, null, 1);
  };
  at('editor-send').onclick = (event) => {
    event.preventDefault();
    send(entry, body.value, dialog).catch((error) => (at('editor-error').textContent = error.message));
  };
  dialog.showModal();
}

async function send(entry, text, dialog) {
  const body = JSON.stringify(JSON.parse(text));
  await outbox.edit(entry.id, (request) => ({ ...request, body }));
  dialog.close();
}
