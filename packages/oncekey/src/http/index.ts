/**
 * What an entry for another framework is written with: the protocol, its profiles and
 * the two-phase seam. The entries themselves have subpaths of their own.
 */
export { createProtocol } from './handle.ts';
export type { EntryOptions, Problem, ProblemKind, ProtocolOptions } from './options.ts';
export { profiles, type ProfileName } from './profiles.ts';
export type { Answer, Ask, AskBody, Begun, HeadEdit, Protocol, ScopeAnswer, Send, Tape } from './seam.ts';
