// All of SatGate that an application needs to give its users budgets: one call of the admin API.
const { SATGATE_ADMIN_URL = 'http://127.0.0.1:9090', SATGATE_ADMIN_TOKEN } = process.env;

export const satgate = {
  tokens: {
    // The token of that name: a new one, or the same as before for the same terms.
    async create(terms) {
      const response = await fetch(`${SATGATE_ADMIN_URL}/api/v1/tokens`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${SATGATE_ADMIN_TOKEN}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(terms),
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(`${terms.name}: ${answer.message}`);
      return answer.token;
    },
  },
};
