/** The campaign `outbox`: a till on Node is killed with -9 hundreds of times while it adds and sends, and every third reply is lost (I16). */
import { killTills } from '../tills/killed-tills.ts';
import { type CampaignAsk, measured } from './measured.ts';

/** Runs it, on one SQLite file behind the real gateway. */
export async function outbox(ask: CampaignAsk): Promise<void> {
  await measured('outbox', 'sqlite, till killed', ask, killTills);
}
