/**
 * What every store of ours that has to wait for something is: all that a store may do, with
 * promises. Only the type; it holds no code.
 */
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  DurationMs,
  EraseAnswer,
  ExtendAnswer,
  ListAsk,
  ListPage,
  Note,
  RecordId,
  ReleaseAnswer,
  ResolveAnswer,
  ResolveAsk,
  SavedStep,
  SaveStepAnswer,
  Store,
  StoredRecord,
  SweepAnswer,
  Token,
} from '../core/store.ts';

/** {@link Store} with promises and with all that operators need. */
export interface WholeStore extends Store {
  claim(ask: ClaimAsk): Promise<ClaimAnswer>;
  extend(id: RecordId, token: Token, leaseMs: number): Promise<ExtendAnswer>;
  complete(ask: CompleteAsk): Promise<CompleteAnswer>;
  release(id: RecordId, token: Token, keepMs: DurationMs): Promise<ReleaseAnswer>;
  read(id: RecordId): Promise<StoredRecord | undefined>;
  saveStep(id: RecordId, token: Token, step: SavedStep): Promise<SaveStepAnswer>;
  put(record: StoredRecord): Promise<{ readonly kind: 'put' | 'kept' }>;
  note(notes: readonly Note[]): Promise<void>;
  list(ask: ListAsk): Promise<ListPage>;
  resolve(ask: ResolveAsk): Promise<ResolveAnswer>;
  erase(id: RecordId, keepMs: DurationMs): Promise<EraseAnswer>;
  sweep(limit: number): Promise<SweepAnswer>;
  check(): Promise<void>;
  close(): Promise<void>;
}
