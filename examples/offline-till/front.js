/**
 * What stands between the page and the gateway, as a company's own proxy would: serves the page, knows logins,
 * and tells the gateway the tenant in a header that outlives them. It can lose replies, to show what happens then.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const types = { html: 'text/html; charset=utf-8', css: 'text/css', js: 'text/javascript' };
const pageFile = (name) => fileURLToPath(new URL(`page/${name}`, import.meta.url));

/** Serves on the port; answers the URL. */
export async function startFront(gatewayUrl, port) {
  const files = new Map([
    ['/', ['html', await readFile(pageFile('index.html'))]],
    ['/style.css', ['css', await readFile(pageFile('style.css'))]],
    ['/main.js', ['js', await bundle()]],
  ]);
  const tenants = new Map();
  const trouble = { loseEvery: 0, writes: 0 };
  const server = createServer((request, response) => {
    serve(request, response).catch((error) => response.destroy(error));
  });

  async function serve(request, response) {
    const file = request.method === 'GET' ? files.get(request.url) : undefined;
    if (file !== undefined) return response.writeHead(200, { 'Content-Type': types[file[0]] }).end(file[1]);
    const body = await readAll(request);
    if (request.url === '/login') return login(response);
    if (request.url === '/trouble') {
      trouble.loseEvery = JSON.parse(body).loseEvery;
      return response.writeHead(204).end();
    }
    const tenant = tenants.get(request.headers.authorization);
    if (tenant === undefined) return response.writeHead(401, { 'Content-Type': 'application/json' }).end('{}');
    return passOn(request, response, body, tenant);
  }

  function login(response) {
    const token = randomUUID();
    tenants.set(`Bearer ${token}`, 'cafe-lindenhof');
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ token }));
  }

  async function passOn(request, response, body, tenant) {
    const { method, url, headers } = request;
    const sent = { 'X-Tenant': tenant };
    for (const name of ['content-type', 'idempotency-key']) if (headers[name] !== undefined) sent[name] = headers[name];
    const answer = await fetch(gatewayUrl + url, { method, headers: sent, ...(method !== 'GET' && { body }) });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (method !== 'GET') trouble.writes += 1;
    // The effect is there; the reply is lost on its way back.
    if (trouble.loseEvery > 0 && trouble.writes % trouble.loseEvery === 0 && method !== 'GET')
      return response.destroy();
    return response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(bytes);
  }

  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

async function bundle() {
  const bundled = await rolldown({ input: pageFile('main.js'), platform: 'browser' });
  const { output } = await bundled.generate({ format: 'esm', minify: true });
  return output[0].code;
}

async function readAll(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
