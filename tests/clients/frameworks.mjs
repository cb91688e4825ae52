// What Node's clients make of tools, structured answers and embeddings: `node frameworks.mjs NAME URL KEY [URL KEY]`
// prints it for each URL, as JSON; the names are those of frameworks.py.
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { createOpenAI } from "@ai-sdk/openai";
import { embed, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const QUESTION = "What is the weather in Paris?";
const Place = z.object({ city: z.string() });

async function attempt(ask) {
  try {
    return String(await ask());
  } catch (error) {
    return error.constructor.name;
  }
}

async function openai(url, key) {
  const client = new OpenAI({ baseURL: url, apiKey: key, maxRetries: 0 });
  const weather = { name: "weather", description: "The weather of a city.", parse: JSON.parse,
    parameters: { type: "object", properties: { city: { type: "string" } } }, function: ({ city }) => `sunny in ${city}` };
  const asked = { model: "tiny", messages: [{ role: "user", content: QUESTION }] };
  const tools = [{ type: "function", function: weather }];
  const run = client.chat.completions.runTools({ ...asked, tools });
  const streamed = client.chat.completions.runTools({ ...asked, tools, stream: true });
  const agent = await run.finalContent();
  const last = await run.finalChatCompletion();
  const formed = await client.chat.completions.parse({ ...asked, response_format: zodResponseFormat(Place, "place") });
  const vectors = await client.embeddings.create({ model: "tiny", input: "Where?" });
  return {
    agent,
    streamed: await streamed.finalContent(),
    structured: JSON.stringify(formed.choices[0].message.parsed),
    embedding: JSON.stringify(vectors.data[0].embedding),
    p: await attempt(() => last.confidence.p),
    "p, streamed": await attempt(async () => (await streamed.finalMessage()).confidence.p),
    "p, structured": await attempt(() => formed.confidence.p),
  };
}

async function ai(url, key) {
  const provider = createOpenAI({ baseURL: url, apiKey: key });
  const weather = tool({ inputSchema: Place, execute: async ({ city }) => `sunny in ${city}` });
  const asked = { tools: { weather }, stopWhen: stepCountIs(3), prompt: QUESTION, maxRetries: 0, include: { responseBody: true } };

  async function turns(model) {
    const { steps, text } = await generateText({ model, ...asked });
    return { kinds: JSON.stringify(steps.map((step) => step.finishReason)), text, confidence: steps.at(-1).response.body.confidence };
  }

  async function streamed(model) {
    let [text, p] = ["", undefined];
    for await (const part of streamText({ model, ...asked, includeRawChunks: true }).fullStream) {
      if (part.type === "text-delta") text += part.text;
      if (part.type === "error") throw part.error;
      if (part.type === "raw") p = (part.rawValue.response ?? part.rawValue).confidence?.p ?? p;
    }
    return { text, p };
  }

  const [chat, responses] = [provider.chat("tiny"), provider.responses("tiny")];
  const whole = await turns(chat);
  const flow = await streamed(chat);
  const formed = await generateObject({ model: chat, schema: Place, prompt: "Where?", maxRetries: 0 });
  const vector = await embed({ model: provider.embedding("tiny"), value: "Where?", maxRetries: 0 });
  return {
    agent: whole.text,
    kinds: whole.kinds,
    streamed: flow.text,
    structured: JSON.stringify(formed.object),
    embedding: JSON.stringify(vector.embedding),
    p: await attempt(() => whole.confidence.p),
    "p, streamed": String(flow.p),
    "p, structured": await attempt(() => formed.response.body.confidence.p),
    "p, responses": await attempt(async () => (await turns(responses)).confidence.p),
    "p, streamed responses": await attempt(async () => (await streamed(responses)).p),
    "p, structured responses": await attempt(async () =>
      (await generateObject({ model: responses, schema: Place, prompt: "Where?", maxRetries: 0 })).response.body.confidence.p),
  };
}

const [name, ...places] = process.argv.slice(2);
const told = [];
for (let i = 0; i < places.length; i += 2) told.push(await { openai, ai }[name](places[i], places[i + 1]));
console.log(JSON.stringify(told));
