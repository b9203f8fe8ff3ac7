/** The login of this till: a token that is got when one is needed and renewed when it is refused; never in the outbox. */
export function createLogin() {
  let token;
  return {
    async headers() {
      if (token === undefined) {
        const answer = await fetch('/login', { method: 'POST' });
        ({ token } = await answer.json());
      }
      return { Authorization: `Bearer ${token}` };
    },
    forget() {
      token = undefined;
    },
  };
}
