/**
 * What an app under test is told to be: a work in the words of no framework, options of
 * the protocol, and what stands around them. An opener translates it into its framework,
 * as its users would write it, and nothing else.
 */
import type { HeaderLine } from '../../core/outcome.ts';
import type { Store } from '../../core/store.ts';
import type { Work } from '../../core/work.ts';
import type { ProtocolOptions } from '../../http/options.ts';

/** The request as it reached the work. */
export interface HttpCall {
  readonly method: string;
  /** The whole body, read by the work as its framework does. */
  readonly body: Uint8Array;
  /** What a body parser made of it, where the setup has one. */
  readonly parsed?: unknown;
  /** `currentWork()` as the work sees it; undefined where it runs elsewhere. */
  readonly work: Work | undefined;
}

/** A body that is sent from a file, as the framework sends files. */
export interface FileBody {
  readonly file: string;
}

/** What the work answers. Frameworks may add headers of their own; those given here must arrive. */
export interface HttpReply {
  /** Default 200. */
  readonly status?: number;
  /** Repeated names are repeated lines. */
  readonly headers?: readonly HeaderLine[];
  /** Bytes at once, a stream of pieces (one that throws breaks off), or a file; none by default. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | FileBody;
}

/** The work behind the protection. What it throws is the framework's to answer. */
export type HttpWork = (call: HttpCall) => HttpReply | Promise<HttpReply>;

/** One app. */
export interface HttpSetup {
  readonly work: HttpWork;
  readonly options: ProtocolOptions;
  /** `public`, or names of request headers whose values are the scope's parts; an absent one is a part that is missing. */
  readonly scope: 'public' | readonly string[];
  /** Put around the store that the opener provides. */
  readonly store: (inner: Store) => Store;
  /** The framework's JSON parser in front of the protection, behind it, or not at all (the work reads bytes). */
  readonly bodyParser: 'none' | 'before' | 'after';
  /** The protection stands twice on the way, over one store. */
  readonly nested: boolean;
}

/**
 * What not every app can show: `body-parser` and `nesting` as in the setup; `work`: the work runs in the same process and has
 * `currentWork()`; `lines`: repeated request lines arrive apart; `store`: `setup.store` is applied.
 */
export type HttpAbility = 'body-parser' | 'nesting' | 'work' | 'lines' | 'store';

/** An app that listens on a port of 127.0.0.1. */
export interface OpenedApp {
  readonly port: number;
  close(): Promise<void>;
}

/** Opens an app for one case. */
export type OpenApp = (setup: HttpSetup) => Promise<OpenedApp>;
