/** The peer of services over HTTP: fastify that reads a body in JSON and answers as many bytes, in a process of its own. */
import fastify from 'fastify';

const [port = '0', bytes = '0'] = process.argv.slice(2);
const answer = { padding: 'x'.repeat(Number(bytes)) };
const app = fastify();
app.post('/v1/decisions', () => answer);
await app.listen({ port: Number(port), host: '127.0.0.1' });
process.send?.('listening');
