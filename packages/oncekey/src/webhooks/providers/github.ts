/**
 * GitHub: the body alone is signed. The id in `X-GitHub-Delivery` is not, so whoever has
 * seen one delivery could send it again under another; the key is the digest of the signed
 * body instead, and the id is kept for people. Nor are the moment and `X-GitHub-Event` signed:
 * an old delivery is only told from a new one by its record.
 */
import { verify } from '@octokit/webhooks-methods';
import { sha256 } from '../../core/digest.ts';
import { refused, withJson, type Provider } from '../verdict.ts';

/**
 * GitHub's webhooks, sent as application/json. Two deliveries with the same bytes are one event: GitHub's bodies carry
 * moments or ids that tell events apart, and a redelivery has the bytes of the first. `type` is not signed.
 */
export function github(): Provider {
  return {
    name: 'github',
    async verify(delivery, secret) {
      const { header, body, text } = delivery;
      const signature = header('x-hub-signature-256');
      if (signature === undefined) {
        return refused('signature', 'the header x-hub-signature-256 is missing; give the webhook a secret');
      }
      // Of either nothing, `verify` would throw: whoever sends that is no fault of the program.
      if (text === '' || signature === '' || !(await verify(secret, text, signature))) {
        return refused('signature', 'the header x-hub-signature-256 is not ours; check the secret');
      }
      const deliveryId = header('x-github-delivery');
      return withJson(delivery, (payload) => ({
        kind: 'verified',
        id: `sha256:${sha256(body, 'hex')}`,
        type: header('x-github-event') ?? null,
        payload,
        ...(deliveryId === undefined ? {} : { deliveryId }),
      }));
    },
  };
}
