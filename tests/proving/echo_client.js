// A right client of length-prefixed frames: six of them, two at a time.
const net = require("net");

const bodies = [...Array(6).keys()].map((number) => Buffer.from(`frame ${number} of six`));
const framed = (body) => {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(body.length);
  return Buffer.concat([header, body]);
};
let got = Buffer.alloc(0);
let echoed = 0;
const socket = net.connect(Number(process.argv[3]), process.argv[2], sendTwo);
socket.setTimeout(1200, () => process.exit(3));
socket.on("error", () => process.exit(3));
socket.on("end", () => process.exit(4));

function sendTwo() {
  socket.write(Buffer.concat(bodies.slice(echoed, echoed + 2).map(framed)));
}

socket.on("data", (data) => {
  got = Buffer.concat([got, data]);
  while (got.length >= 4) {
    const length = got.readUInt32BE(0);
    if (length !== bodies[echoed].length) process.exit(5);
    if (got.length < 4 + length) return;
    if (!got.subarray(4, 4 + length).equals(bodies[echoed])) process.exit(5);
    got = got.subarray(4 + length);
    echoed += 1;
    if (echoed === bodies.length) process.exit(0);
    if (echoed % 2 === 0) sendTwo();
  }
});
