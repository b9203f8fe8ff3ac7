/**
 * What tests are made of: the contract every store is held to, time in the test's hands
 * and stores that fail when told to. Data and functions, tied to no test runner.
 */
export { faulty, type Fault, type FaultyStore, type StoreMethod } from './faulty.ts';
export {
  storeContract,
  type CaseResult,
  type ContractCase,
  type ContractOptions,
  type OpenedStore,
  type OpenStore,
} from './store-contract.ts';
export { virtualClock, type VirtualClock } from './virtual-clock.ts';
