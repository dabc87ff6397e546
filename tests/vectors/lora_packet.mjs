// Makes lora_packet_v0_9_3.json: LoRaWAN 1.0.x frames made by npm lora-packet, an implementation that is not ours.
//     npm install --prefix /tmp/vectors lora-packet@0.9.3
//     NODE_PATH=/tmp/vectors/node_modules node tests/vectors/lora_packet.mjs > tests/vectors/lora_packet_v0_9_3.json
// Every parameter comes from SHA-256 of a name, so that a test can make the same ones: bytes(name) is
// SHA-256(name + "/0"), SHA-256(name + "/1"), ... in a row. A data frame takes from it: NwkSKey 16, AppSKey 16,
// DevAddr 4, FCnt 4 (both most significant first), control 1 (bit 0: confirmed; 0xF0: the flags of FCtrl), FOpts
// length 1 (modulo 16), FPort 1 (modulo 224), payload length 1 (modulo 65), then FOpts and payload.
// Where FPort is 0 there are no FOpts; where FPort and FOpts length are both above 200 there is no FPort.
// "frames" are whole, with their parameters; of the many "mics" only the MIC is kept: it covers every other byte.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { delimiter } from "node:path";

const folders = (process.env.NODE_PATH || "").split(delimiter);
const lora = createRequire(folders[0] + "/")("lora-packet").default ?? createRequire(folders[0] + "/")("lora-packet");
const COUNT = 2000;

function stream(name) {
  const parts = [];
  for (let i = 0; i < 6; i++) parts.push(createHash("sha256").update(`${name}/${i}`).digest());
  const all = Buffer.concat(parts);
  let at = 0;
  return (size) => all.subarray(at, (at += size));
}

function dataFrame(direction, name) {
  const take = stream(name);
  const nwk = take(16), app = take(16), devAddr = take(4), fcnt = take(4);
  const [control, optsSeed, portSeed, sizeSeed] = take(4);
  const port = portSeed > 200 && optsSeed > 200 ? null : portSeed % 224;
  const opts = take(port === 0 ? 0 : optsSeed % 16);
  const payload = Buffer.from(take(port === null ? 0 : sizeSeed % 65));
  const up = direction === "up";
  const fields = {
    MType: up ? (control & 1 ? 4 : 2) : control & 1 ? 5 : 3,
    DevAddr: devAddr,
    FCtrl: {
      ADR: !!(control & 0x80), ADRACKReq: !!(control & 0x40), ACK: !!(control & 0x20), FPending: !!(control & 0x10),
    },
    FCnt: Buffer.from(fcnt.subarray(2)),
    FOpts: Buffer.from(opts),
    payload,
  };
  if (port !== null) fields.FPort = port;
  const high = Buffer.from([fcnt[1], fcnt[0]]);
  const packet = lora.fromFields(fields, app, nwk, undefined, high);
  if (!packet.FRMPayload) packet.FRMPayload = Buffer.alloc(0);
  lora.recalculateMIC(packet, nwk, undefined, high);
  const frame = packet.getPHYPayload();
  if (!lora.verifyMIC(lora.fromWire(frame), nwk, undefined, high)) throw new Error(name);
  return {
    name, nwk_s_key: nwk.toString("hex"), app_s_key: app.toString("hex"), dev_addr: devAddr.readUInt32BE(),
    fcnt: fcnt.readUInt32BE(), control: (control & 0xf0) | (control & 1 ? 0x100 : 0), fopts: opts.toString("hex"),
    fport: port, payload: payload.toString("hex"), frame: frame.toString("hex"),
  };
}

function join(index) {
  const take = stream(`join ${index}`);
  const key = take(16), joinEui = take(8), devEui = take(8), devNonce = take(2);
  const joinNonce = take(3), netId = take(3), devAddr = take(4), settings = take(1)[0] & 0x7f, delay = take(1)[0] & 15;
  const cfList = index % 2 ? take(16) : Buffer.alloc(0);
  const request = lora.fromFields({ AppEUI: joinEui, DevEUI: devEui, DevNonce: devNonce }, null, null, key);
  const accept = lora.fromFields(
    {
      MType: 1, AppNonce: joinNonce, NetID: netId, DevAddr: devAddr, DLSettings: settings, RxDelay: delay,
      CFList: Buffer.from(cfList),
    }, null, null, key);
  const keys = lora.generateSessionKeys10(key, netId, joinNonce, devNonce);
  return {
    app_key: key.toString("hex"), join_eui: joinEui.toString("hex"), dev_eui: devEui.toString("hex"),
    dev_nonce: devNonce.readUInt16BE(), request: request.getPHYPayload().toString("hex"),
    join_nonce: joinNonce.readUIntBE(0, 3), net_id: netId.readUIntBE(0, 3), dev_addr: devAddr.readUInt32BE(),
    dl_settings: settings, rx_delay: delay, cf_list: cfList.toString("hex"),
    accept: accept.getPHYPayload().toString("hex"),
    nwk_s_key: keys.NwkSKey.toString("hex"), app_s_key: keys.AppSKey.toString("hex"),
  };
}

const many = (direction) => Array.from({ length: COUNT }, (_, i) => dataFrame(direction, `${direction} ${i}`));
const up = many("up"), down = many("down");
const mics = (frames) => frames.map((one) => one.frame.slice(-8)).join("");
const without = (frames) => frames.filter((one) => one.fport === null).slice(0, 3);
const port0 = (frames) => frames.filter((one) => one.fport === 0).slice(0, 3);
const chosen = (frames) => [...frames.slice(0, 25), ...without(frames), ...port0(frames)];
const result = {
  made_by: "npm lora-packet 0.9.3 through tests/vectors/lora_packet.mjs",
  joins: Array.from({ length: 16 }, (_, i) => join(i)),
  up: chosen(up), down: chosen(down), up_mics: mics(up), down_mics: mics(down),
};
const rows = (list) => `[\n${list.map((one) => "  " + JSON.stringify(one)).join(",\n")}\n ]`;
console.log("{\n" + Object.entries(result)
  .map(([key, value]) => ` ${JSON.stringify(key)}: ${Array.isArray(value) ? rows(value) : JSON.stringify(value)}`)
  .join(",\n") + "\n}");
