/** What the café sells, and how amounts are written. */
const drawn = {
  cup: 'M4 8h12v5a5 5 0 0 1-5 5H9a5 5 0 0 1-5-5zM16 9h2a2 2 0 0 1 0 5h-2M7 2c-1 1 1 2 0 3M11 2c-1 1 1 2 0 3',
  tall: 'M6 4h11l-1.5 15h-8zM6.6 9h9.8M9 4V1.5h5',
  pot: 'M6 9h9v9H6zM15 10h2a2 2 0 0 1 2 2v1M6 9l-3-2M8 9V6h5v3M10.500 6V4',
  bread: 'M3 15c0-6 4-10 8-10s8 4 8 10l-4-1-2-4-2 5-2-5-2 4z',
  cake: 'M2.500 12 15 4.500a5 5 0 0 1 4.500 7.500v6h-17zM2.500 12h17M2.500 15h17',
};

/** A small drawing as SVG. */
export const drawing = (kind) =>
  `<svg viewBox="0 0 22 22" width="30" height="30" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"><path d="${drawn[kind]}"/></svg>`;

export const menu = [
  { sku: 'espresso', name: 'Espresso', price: 240, sign: 'cup' },
  { sku: 'cappuccino', name: 'Cappuccino', price: 360, sign: 'cup' },
  { sku: 'filter', name: 'Filter coffee', price: 310, sign: 'pot' },
  { sku: 'chocolate', name: 'Hot chocolate', price: 390, sign: 'tall' },
  { sku: 'croissant', name: 'Croissant', price: 220, sign: 'bread' },
  { sku: 'cheesecake', name: 'Cheesecake', price: 450, sign: 'cake', note: 'sold out' },
];

export const euros = (cents) => `${(cents / 100).toFixed(2)} €`;
