/**
 * The ticket: tapping the menu opens an order and adds its lines, paying closes it. Everything is added to the outbox at
 * once; lines and payment refer to the order by `ref`, so that none of them has to wait for the network.
 */
import { ref } from 'oncekey/outbox';
import { drawing, euros, menu } from './menu.js';

const at = (id) => document.getElementById(id);
let outbox;
// The open ticket outlives a reload, as its entries do.
let ticket = JSON.parse(localStorage.getItem('ticket') ?? 'null');

/** Wires menu and ticket to the outbox. */
export function startTicket(given) {
  outbox = given;
  at('menu').replaceChildren(...menu.map(menuButton));
  showTicket();
}

function menuButton(item) {
  const button = document.createElement('button');
  button.className = 'item';
  button.innerHTML =
    '<span class="sign" aria-hidden="true"></span><span class="name"></span><span class="price"></span>';
  const [sign, name, price] = button.children;
  sign.innerHTML = drawing(item.sign);
  name.textContent = item.name;
  price.textContent = euros(item.price);
  if (item.note !== undefined) name.append(Object.assign(document.createElement('small'), { textContent: item.note }));
  button.addEventListener('click', () => told(addLine(item)));
  return button;
}

async function addLine({ sku, name, price }) {
  if (ticket === null) await openOrder();
  const line = { id: `line-${crypto.randomUUID()}`, sku, name, price };
  keep({ ...ticket, lines: [...ticket.lines, line] });
  await outbox.add({
    id: line.id,
    lane: ticket.id,
    url: `/orders/${ref(ticket.id)}/lines`,
    json: { sku, quantity: 1, price },
    meta: { label: name, of: ticket.name },
  });
}

async function openOrder() {
  const number = Number(localStorage.getItem('number') ?? 0) + 1;
  localStorage.setItem('number', String(number));
  const name = `Order ${number}`;
  const opened = { id: `order-${crypto.randomUUID()}`, name, table: 1 + (number % 9), lines: [] };
  keep(opened);
  const { id, table } = opened;
  await outbox.add({ id, lane: id, url: '/orders', json: { table }, meta: { label: `Open table ${table}`, of: name } });
}

async function pay() {
  const { id, name, lines } = ticket;
  const amount = totalOf(lines);
  keep(null);
  await outbox.add({
    id: `pay-${id}`,
    lane: id,
    url: `/orders/${ref(id)}/payments`,
    json: { amount, method: 'card' },
    // Nobody pays for a line that the kitchen has refused: the payment waits until that is settled.
    after: lines.map((line) => line.id),
    meta: { label: `Pay ${euros(amount)}`, of: name },
  });
}

const totalOf = (lines) => lines.reduce((sum, { price }) => sum + price, 0);

function keep(next) {
  ticket = next;
  localStorage.setItem('ticket', JSON.stringify(next));
  showTicket();
}

/** Draws the open ticket. */
export function showTicket() {
  const box = at('ticket');
  if (ticket === null) {
    box.innerHTML = '<p class="nothing">Tap something on the menu to open an order.</p>';
    return;
  }
  box.innerHTML =
    '<p class="order"></p><ul></ul><p class="total"><span>Total</span><strong></strong></p><button class="primary wide">Pay</button>';
  box.querySelector('.order').textContent = `${ticket.name} · table ${ticket.table}`;
  box.querySelector('ul').append(
    ...ticket.lines.map(({ name, price }) => {
      const row = document.createElement('li');
      row.append(Object.assign(document.createElement('span'), { textContent: name }), euros(price));
      return row;
    }),
  );
  box.querySelector('strong').textContent = euros(totalOf(ticket.lines));
  const button = box.querySelector('button');
  button.disabled = ticket.lines.length === 0;
  button.addEventListener('click', () => told(pay()));
}

/** A write that could not be kept must be seen: the device is full, or its storage is broken. */
function told(work) {
  work.catch((error) => alert(`This was not kept: ${error.message}`));
}
