/**
 * What tests are made of: the contracts that every store and every HTTP entry is held to,
 * time in the test's hands and stores that fail when told to. Data and functions, tied to no test runner.
 */
export { faulty, type Fault, type FaultyStore, type StoreMethod } from './faulty.ts';
export { httpContract, type HttpContractCase, type HttpContractOptions } from './http-contract.ts';
export type {
  FileBody,
  HttpAbility,
  HttpCall,
  HttpReply,
  HttpSetup,
  HttpWork,
  OpenApp,
  OpenedApp,
} from './http/setup.ts';
export {
  storeContract,
  type CaseResult,
  type ContractCase,
  type ContractOptions,
  type OpenedStore,
  type OpenStore,
} from './store-contract.ts';
export { virtualClock, type VirtualClock } from './virtual-clock.ts';
