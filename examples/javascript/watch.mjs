// Follows scores and prints each change, for ever: `node watch.mjs 127.0.0.1:50051 [person...]`. Node 20 or later.
//
// A watch that ends is called again with its last token, so nothing is missed and nothing comes twice.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const protos = new URL("../../protos", import.meta.url).pathname;
const definition = loader.loadSync("presence/v1/service.proto", { includeDirs: [protos], longs: String, defaults: true });
const { presence } = grpc.loadPackageDefinition(definition);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const [address, ...people] = process.argv.slice(2);
// For a gateway elsewhere: grpc.credentials.createSsl().
const client = new presence.v1.ScoreService(address, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
if (process.env.PRESENCE_CLIENT_TOKEN) {
  metadata.set("authorization", `Bearer ${process.env.PRESENCE_CLIENT_TOKEN}`);
}

let resumeToken = "";
for (;;) {
  try {
    for await (const update of client.watchScores({ people, resumeToken }, metadata)) {
      resumeToken = update.resumeToken;
      for (const score of update.scores) {
        console.log(score.person, (score.presenceMillipoints / 1000).toFixed(1));
      }
      for (const person of update.erased) {
        console.log(person, "erased");
      }
    }
  } catch (error) {
    if (error.code === grpc.status.OUT_OF_RANGE) {
      resumeToken = ""; // Forget every score, and begin again.
    } else if (![grpc.status.UNAVAILABLE, grpc.status.RESOURCE_EXHAUSTED].includes(error.code)) {
      throw error;
    }
  }
  await pause(1000);
}
