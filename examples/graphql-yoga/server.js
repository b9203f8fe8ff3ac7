/**
 * A GraphQL service whose mutations take effect once for each Idempotency-Key.
 */
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { currentWork } from 'oncekey';
import { idempotency } from 'oncekey/fetch';
import { sqlite } from 'oncekey/sqlite';

const { PORT = '3000', DATABASE = 'graphql.db' } = process.env;
const charges = [];
let stock = 0;

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    type Charge {
      id: ID!
      amount: Int!
    }
    type Query {
      charges: [Charge!]!
    }
    type Mutation {
      charge(amount: Int!): Charge!
      order: Int!
    }
  `,
  resolvers: {
    Query: { charges: () => charges },
    Mutation: {
      charge(_parent, { amount }) {
        const charge = { id: `ch_${charges.length + 1}`, amount };
        charges.push(charge);
        return charge;
      },
      order() {
        if (stock === 0) {
          stock = 1;
          // Nothing has happened: the same key may try again.
          currentWork()?.release();
          throw new Error('out of stock');
        }
        return stock;
      },
    },
  },
});

const yoga = createYoga({
  schema,
  maskedErrors: false,
  logging: false,
  plugins: [protection()],
  // Node's own: a clone of Yoga's requests shares its body with the original, and would leave nothing to read.
  fetchAPI: { Request, Response, Headers, FormData, ReadableStream },
});

/** In front of everything Yoga does, as a plugin of it. */
function protection() {
  const protect = idempotency({
    store: sqlite(DATABASE),
    scope: (request) => request.headers.get('authorization'),
  });
  return {
    onRequest({ request, requestHandler, serverContext, setRequestHandler }) {
      setRequestHandler(() => protect(request, (same) => requestHandler(same, serverContext)));
    },
  };
}

const server = createServer(yoga).listen(Number(PORT), '127.0.0.1', () => {
  const { port } = server.address();
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}/graphql` })}\n`);
});
