/**
 * Gathers what was said, wherever it was said: flag over environment over config file.
 * Each value keeps the name it was given under, so that a complaint points at the right
 * place. Values stay text; what they mean is decided in settings.ts.
 */
import { readFileSync } from 'node:fs';
import { Refusal, reasonOf } from '../refusal.ts';
import { environmentName, flags, type Flag } from './flags.ts';

/** One setting as given: where, and the text (several for a repeatable one). */
export interface Given {
  /** `--lease-ms`, `ONCEKEY_LEASE_MS` or `lease-ms in FILE`. */
  readonly source: string;
  readonly texts: readonly [string, ...string[]];
}

/** What was given, by the setting's name; absent settings are absent. */
export type GivenSettings = ReadonlyMap<string, Given>;

/** One entry of the config file's `routes`: what it is for, and what is different there. */
export interface GivenRoute {
  /** `routes[0] in FILE`. */
  readonly source: string;
  readonly settings: GivenSettings;
}

/** Everything that was given. */
export interface Gathered {
  readonly settings: GivenSettings;
  readonly routes: readonly GivenRoute[];
}

/** Merges flags, environment and the config file that either of them names. Throws a `Refusal`. */
export function gather(fromFlags: GivenSettings, environment: NodeJS.ProcessEnv): Gathered {
  const fromEnvironment = readEnvironment(environment);
  const config = fromFlags.get('config') ?? fromEnvironment.get('config');
  const fromFile = config === undefined ? { settings: [], routes: [] } : readConfig(config.texts[0]);
  return {
    settings: new Map([...fromFile.settings, ...fromEnvironment, ...fromFlags]),
    routes: fromFile.routes,
  };
}

function readEnvironment(environment: NodeJS.ProcessEnv): Map<string, Given> {
  const given = new Map<string, Given>();
  for (const flag of flags) {
    const source = environmentName(flag.name);
    const text = environment[source];
    if (text === undefined || text === '') continue;
    given.set(flag.name, { source, texts: flag.repeatable ? splitRepeatable(text) : [text] });
  }
  return given;
}

function splitRepeatable(text: string): [string, ...string[]] {
  return text.split(',').map((entry) => entry.trim()) as [string, ...string[]];
}

/** Names that only a route has. */
const routeOnly: readonly Flag[] = ['match', 'operation'].map((name) => ({ name, value: 'TEXT', help: '' }));
const mostRoutes = 1000;

function readConfig(path: string): { settings: [string, Given][]; routes: GivenRoute[] } {
  const { routes = [], ...rest } = parseConfig(path);
  return { settings: readObject(rest, flags, '', path), routes: readRoutes(routes, path) };
}

function readRoutes(routes: unknown, path: string): GivenRoute[] {
  if (!Array.isArray(routes) || routes.length > mostRoutes) {
    throw new Refusal(`routes in ${path}: a list of at most ${mostRoutes} objects is wanted`);
  }
  return routes.map((route: unknown, index): GivenRoute => {
    const at = `routes[${index}]`;
    if (!isObject(route)) throw new Refusal(`${at} in ${path}: an object with match and settings is wanted`);
    const settings = new Map(readObject(route, [...flags, ...routeOnly], `${at}.`, path));
    return { source: `${at} in ${path}`, settings };
  });
}

function readObject(object: object, known: readonly Flag[], prefix: string, path: string): [string, Given][] {
  return Object.entries(object).map(([name, value]) => {
    const flag = known.find((each) => each.name === name && name !== 'config');
    if (flag === undefined)
      throw new Refusal(`--config: ${path} has an unknown setting ${JSON.stringify(prefix + name)}`);
    const source = `${prefix}${name} in ${path}`;
    return [name, { source, texts: textsOf(flag, value, source) }];
  });
}

function parseConfig(path: string): Readonly<Record<string, unknown>> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Refusal(`--config: ${path} cannot be read: ${reasonOf(error)}`);
  }
  if (isObject(content)) return content;
  throw new Refusal(`--config: ${path} is not a JSON object of settings`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textsOf(flag: Flag, value: unknown, source: string): [string, ...string[]] {
  if (Array.isArray(value)) {
    const [first, ...rest] = value.map((entry) => textOf(entry, source));
    if (flag.repeatable && first !== undefined) return [first, ...rest];
    throw new Refusal(`${source}: ${flag.repeatable ? 'the list is empty' : 'only a repeatable setting takes a list'}`);
  }
  return [textOf(value, source)];
}

function textOf(value: unknown, source: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Refusal(`${source}: text, a number, true or false is wanted`);
}
