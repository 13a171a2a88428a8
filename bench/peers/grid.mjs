// A peer of bench/grid.py: PostGraphile over the same tables, as it comes: it asks nobody who they are.
// Arguments: the port, and the URL of the database.
import { createServer } from "node:http";

// it wants Node 22, and misses no more than this in Node 20
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new Promise((...settle) => ([resolve, reject] = settle));
  return { promise, resolve, reject };
};
const { postgraphile } = await import("postgraphile");
const { makePgService } = await import("postgraphile/adaptors/pg");
const { grafserv } = await import("postgraphile/grafserv/node");
const { PostGraphileAmberPreset } = await import("postgraphile/presets/amber");

const [port, connectionString] = process.argv.slice(2);
const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  disablePlugins: ["PgIndexBehaviorsPlugin"], // else columns without an index of their own cannot be conditions or orders
  pgServices: [makePgService({ connectionString, schemas: ["public"], poolConfig: { min: 4, max: 12 } })],
  grafast: { explain: false },
  grafserv: { graphiql: false, watch: false },
});
const served = instance.createServ(grafserv);
const server = createServer();
await served.addTo(server);
server.listen(Number(port), "127.0.0.1");
