/**
 * The till's page: what is tapped goes into the outbox at once, online or not; later writes refer to an order by the
 * client's own id. The page shows the outbox's own picture of what waits, what is stuck and what is done.
 */
import { createOutbox } from 'oncekey/outbox';
import { indexedDbStorage } from 'oncekey/outbox-indexeddb';
import { createLogin } from './login.js';
import { showQueue } from './queue.js';
import { showTicket, startTicket } from './ticket.js';

const at = (id) => document.getElementById(id);
const login = createLogin();
const isOnline = () => at('online').checked;
let ledgerTimer;

at('online').checked = localStorage.getItem('offline') !== 'yes';

const outbox = createOutbox({
  storage: indexedDbStorage({ name: 'lindenhof-till' }),
  credentials: login.headers,
  echo: 'required',
  online: isOnline,
  minDelayMs: 300,
  maxDelayMs: 5000,
  intervalMs: 2000,
  onEvent(event) {
    if (event.kind === 'later' && event.why === 'credentials') login.forget();
    if (event.kind === 'done') showLedgerSoon();
  },
});

startTicket(outbox);
showQueue(outbox);
outbox.subscribe(showStatus);
showStatus();
showLedgerSoon();

at('online').addEventListener('change', () => {
  localStorage.setItem('offline', isOnline() ? 'no' : 'yes');
  dispatchEvent(new Event(isOnline() ? 'online' : 'offline'));
  showStatus();
  showLedgerSoon();
});
at('lose').addEventListener('change', () => {
  const body = JSON.stringify({ loseEvery: at('lose').checked ? 3 : 0 });
  fetch('/trouble', { method: 'PUT', body }).catch(() => (at('lose').checked = false));
});
at('login').addEventListener('click', () => {
  login.forget();
  at('login').textContent = 'Login renewed ✓';
  setTimeout(() => (at('login').textContent = 'Renew login'), 1500);
});

function showStatus() {
  const { usage, error } = outbox.snapshot();
  const waiting = usage === null ? 0 : usage.open.entries + usage.parked.entries;
  const stopped = usage?.dead.entries ?? 0;
  const connection = isOnline() ? 'Online' : 'Offline';
  const queue = waiting === 0 ? 'everything is sent' : `${waiting} waiting`;
  const stuck = stopped === 0 ? '' : ` · ${stopped} need${stopped === 1 ? 's' : ''} you`;
  at('status').textContent = error === null ? `${connection} · ${queue}${stuck}` : String(error.message);
  document.body.dataset.connection = isOnline() ? 'online' : 'offline';
  document.title = waiting + stopped === 0 ? 'Café Lindenhof · Till' : `(${waiting + stopped}) Café Lindenhof · Till`;
  showTicket();
}

function showLedgerSoon() {
  clearTimeout(ledgerTimer);
  ledgerTimer = setTimeout(() => {
    // Out of reach: what was shown stays, and the next answer of the outbox asks again.
    showLedger().catch(() => undefined);
  }, 150);
}

async function showLedger() {
  if (!isOnline()) return;
  const answer = await fetch('/ledger', { headers: await login.headers() });
  if (answer.status === 401) {
    login.forget();
    return showLedgerSoon();
  }
  const { orders } = await answer.json();
  const rows = orders
    .toReversed()
    .slice(0, 8)
    .map((order) => {
      const lines = order.lines.map(({ sku }) => sku).join(', ') || 'no lines yet';
      const paid = order.payments.map(({ amount }) => `${(amount / 100).toFixed(2)} €`).join(' + ');
      const row = document.createElement('li');
      row.innerHTML = '<strong></strong><span></span><em></em>';
      row.children[0].textContent = `${order.id} · table ${order.table}`;
      row.children[1].textContent = lines;
      row.children[2].textContent = paid === '' ? 'open' : `paid ${paid}`;
      row.children[2].className = paid === '' ? 'chip waiting' : 'chip done';
      return row;
    });
  const list = document.createElement('ul');
  list.append(...rows);
  at('ledger').replaceChildren(rows.length === 0 ? nothing('No orders yet.') : list);
}

function nothing(text) {
  const line = document.createElement('p');
  line.className = 'nothing';
  line.textContent = text;
  return line;
}
