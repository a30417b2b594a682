// Buyers that people run, unmodified, which pay through a node of network.mjs:
//
//   const buyer = buyers(network.buyer);
//   const { status, text } = await buyer.alby402(url);   // paid what was asked for
//   buyer.paid;                                          // every invoice that was paid
//
// Each takes (url, { headers }) and gives { status, text, headers }; what a buyer throws is thrown.
// None pays more than `most` invoices: l402 (npm) pays again on every 402, without limit.
import { fetch402, fetchWithL402, fetchWithMpp } from '@getalby/lightning-tools';
import axios from 'axios';
import { setupL402Interceptor, MemoryTokenStore } from 'l402';
import { Credential, Method, z } from 'mppx';
import { Mppx } from 'mppx/client';

export function buyers(node, { most = 5 } = {}) {
  const paid = [];
  const pay = async (bolt11) => {
    if (paid.length >= most) throw new Error(`this buyer pays no more than ${most} invoices`);
    paid.push(bolt11);
    return node.pay(bolt11);
  };
  const wallet = { payInvoice: async ({ invoice }) => {
    const { preimage, feeMsat } = await pay(invoice);
    return { preimage, fees_paid: feeMsat };
  } };
  const alby = (fetchPaid) => async (url, init = {}) =>
    whole(await fetchPaid(url, init, { wallet }));
  const mppx = Mppx.create({ methods: [lightningMethod(pay)], polyfill: false });
  const client = axios.create();
  setupL402Interceptor(client, { payInvoice: async (invoice) => {
    const { preimage } = await pay(invoice);
    return { success: true, preimage };
  } }, new MemoryTokenStore());
  return { paid,
    albyL402: alby(fetchWithL402), alby402: alby(fetch402), albyMpp: alby(fetchWithMpp),
    // Keeps its token for the host and path, and uses it again.
    async l402(url, init = {}) {
      const answer = await client.get(url, { ...init, responseType: 'text',
        transformResponse: (text) => text })
        .catch((error) => {
          if (!error.response) throw error;
          return error.response;
        });
      return { status: answer.status, text: answer.data, headers: new Headers(answer.headers) };
    },
    async mppx(url, init = {}) { return whole(await mppx.fetch(url, init)); } };
}

async function whole(response) {
  return { status: response.status, text: await response.text(), headers: response.headers };
}

// mppx brings no Lightning of its own; this is draft-lightning-charge as a method of it.
function lightningMethod(pay) {
  const charge = Method.from({ name: 'lightning', intent: 'charge', schema: {
    credential: { payload: z.object({ preimage: z.string() }) },
    request: z.object({ amount: z.string(), currency: z.string(),
      description: z.optional(z.string()),
      methodDetails: z.object({ invoice: z.string(), paymentHash: z.optional(z.string()),
        network: z.optional(z.string()) }) }),
  } });
  return Method.toClient(charge, {
    async createCredential({ challenge }) {
      const { preimage } = await pay(challenge.request.methodDetails.invoice);
      return Credential.serialize({ challenge, payload: { preimage } });
    },
  });
}
