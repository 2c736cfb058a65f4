// Starts GraphiQL on the graph beside it. Queries and changes are posted; a subscription is a stream of
// server-sent events of its own (graphql-sse, distinct connections), whose results are shown as they come.
"use strict";

const ADDRESS = "/web/graphql";
const QUERY = `# Sign in as the demo user, then put the token into "Headers" below:
#   {"authorization": "Bearer <token>"}

mutation SignIn {
  signIn(input: { username: "ada", password: "ordermesh-demo" }) {
    ... on SignedIn { token }
    ... on Refusal { reason message }
  }
}

query Products {
  products(first: 5) { edges { node { sku title price { amount currencyCode } } } }
}

query MyOrders {
  me {
    displayName
    orders(first: 10) {
      edges { node { id state lines { quantity product { title } } payment { state } timeline { state } } }
    }
  }
}
`;

function isSubscription(query, operationName) {
  const named = new RegExp(`\\bsubscription\\s+${operationName || ""}\\b`);
  return operationName ? named.test(query) : /^\s*(#.*\s*)*subscription\b/.test(query);
}

async function* results(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      if (event.includes("event: next")) yield JSON.parse(data.join("\n"));
    }
  }
}

async function fetcher(parameters, options) {
  const streamed = isSubscription(parameters.query, parameters.operationName);
  const headers = {
    accept: streamed ? "text/event-stream" : "application/json",
    "content-type": "application/json",
    ...(options && options.headers),
  };
  const answer = await fetch(ADDRESS, { method: "POST", headers, body: JSON.stringify(parameters) });
  return streamed && answer.ok ? results(answer) : answer.json();
}

ReactDOM.createRoot(document.getElementById("page")).render(
  React.createElement(GraphiQL, { fetcher, defaultQuery: QUERY, shouldPersistHeaders: false }),
);
