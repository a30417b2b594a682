// The admin API as a page uses it. The key is in this tab alone: no cookie, no URL, nothing that
// a browser sends by itself.

const KEY = 'satgate.key';
const NAME = 'satgate.name';

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const admin = {
  get name() {
    return sessionStorage.getItem(NAME) ?? '';
  },
  get isKnown() {
    return sessionStorage.getItem(KEY) !== null;
  },
  enter(key, name) {
    sessionStorage.setItem(KEY, key);
    sessionStorage.setItem(NAME, name);
  },
  leave() {
    sessionStorage.removeItem(KEY);
  },

  // The answer's JSON, or a Refused; status 0 when nobody answers.
  async call(method, path, body) {
    const headers = { authorization: `Bearer ${sessionStorage.getItem(KEY)}` };
    if (body) headers['content-type'] = 'application/json';
    let response, answer;
    try {
      response = await fetch(`/api/v1/${path}`, {
        method, headers, body: body && JSON.stringify(body), credentials: 'omit', cache: 'no-store',
        signal: AbortSignal.timeout(15_000),
      });
      answer = await response.json();
    } catch {
      throw new Refused(0, 'The gateway does not answer. Trying again.');
    }
    if (!response.ok) throw new Refused(response.status, answer.message);
    return answer;
  },
};
