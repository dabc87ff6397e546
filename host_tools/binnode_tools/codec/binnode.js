// Codec of the open bin sensor binnode, for network servers with the LoRa Alliance payload codec API (TS013):
// The Things Stack, ChirpStack v4. Plain ES5. The specification is PAYLOAD.md, beside this file.
//
// The sensor takes no downlink commands yet, so there is no encodeDownlink and no decodeDownlink.

var REASONS = ['unknown', 'first', 'change', 'alarm', 'released', 'emptied', 'heartbeat', 'kind', 'backlog'];
var KINDS = ['ok', 'noisy', 'no_echo', 'too_near', 'too_far', 'lid_open', 'fault'];
// LwM2M 6042 by kind; 'ok' depends on its pings
var REJECTED = { noisy: 2, no_echo: 1, too_near: 2, too_far: 1, lid_open: 2, fault: 1, unknown: 0 };

// FPort 2, by number and by bit
var CAUSES = ['unknown', 'power_on', 'reset', 'watchdog', 'deep_sleep', 'soft_reset'];
var STEPS = ['none', 'starting', 'measuring', 'reporting', 'safe_measuring', 'safe_reporting'];
var RECOVERIES = [
  'rtc_garbage', 'rtc_damaged', 'rtc_migrated', 'rtc_newer', 'checkpoint_restored', 'checkpoint_damaged',
  'crash_record_damaged', 'nvs_failed', 'config_damaged', 'config_fields', 'config_migrated', 'config_newer',
  'files_repaired', 'brown_out'
];

// input: {bytes, fPort, recvTime (optional)} -> {data, warnings, errors}; data is empty when there is an error
function decodeUplink(input) {
  var error = refusal(input);
  if (error) {
    return { data: {}, warnings: [], errors: [error] };
  }
  var warnings = [];
  if (input.fPort === 2) {
    return { data: readDiagnostics(input.bytes, warnings), warnings: warnings, errors: [] };
  }
  return { data: readStatus(input.bytes, input.recvTime, warnings), warnings: warnings, errors: [] };
}

function refusal(input) {
  if (!input || (input.fPort !== 1 && input.fPort !== 2)) {
    return 'a status comes on FPort 1, not on FPort ' + (input ? describe(input.fPort) : 'undefined');
  }
  var bytes = input.bytes;
  if (!isByteArray(bytes)) {
    return 'bytes must be an array of whole numbers from 0 to 255';
  }
  if (bytes.length > 0 && bytes[0] >> 4 !== 1) {
    return 'payload version ' + (bytes[0] >> 4) + ' is unknown, this codec reads version 1: update the codec';
  }
  if (input.fPort === 2) {
    return bytes.length === 10 ? null :
      'diagnostics have 10 bytes, not ' + bytes.length + ': were they cut or padded on their way?';
  }
  if (bytes.length < 8 || (bytes.length - 8) % 3 !== 0) {
    return 'a status has 8 bytes and 3 for each earlier reading (8, 11, 14, ...), not ' + bytes.length +
      ': was it cut or padded on its way?';
  }
  return null;
}

function describe(port) {
  return typeof port === 'number' ? String(port) : typeof port;
}

// Array, Uint8Array and Buffer alike
function isByteArray(bytes) {
  if (!bytes || typeof bytes !== 'object' || typeof bytes.length !== 'number' || !(bytes.length >= 0)) {
    return false;
  }
  for (var i = 0; i < bytes.length; i++) {
    if (typeof bytes[i] !== 'number' || bytes[i] !== (bytes[i] & 0xff)) {
      return false;
    }
  }
  return true;
}

function readStatus(bytes, recvTime, warnings) {
  var flags = bytes[1];
  var levelAndPings = bytes[2] << 8 | bytes[3];
  var distance = bytes[4] << 5 | bytes[5] >> 3;
  var pings = levelAndPings >> 2 & 0x0f;
  var reason = readReason(bytes[0] & 0x0f, warnings);
  var kind = readKind(bytes[5] & 0x07, warnings);
  var percentage = readLevel(levelAndPings >> 6, kind, warnings);
  if (levelAndPings & 0x03) {
    warnings.push('spare bits of byte 3 are set: ignored');
  }
  return {
    version: 1,
    reason: reason,
    actual_filling_percentage: percentage,
    distance_mm: distance === 8191 ? null : distance,
    container_full: (flags & 0x01) !== 0,
    released: (flags & 0x02) !== 0,
    emptied: (flags & 0x04) !== 0,
    sensor_fault: (flags & 0x08) !== 0,
    low_battery: (flags & 0x10) !== 0,
    first_report: (flags & 0x20) !== 0,
    lid_open: (flags & 0x40) !== 0,
    backlog_thinned: (flags & 0x80) !== 0,
    quality: { valid_pings: pings, kind: kind },
    quality_indicator: qualityIndicator(kind, pings),
    battery_mv: bytes[6] === 255 ? null : bytes[6] * 25,
    temperature_c: bytes[7] === 255 ? null : bytes[7] / 2 - 40,
    history: readHistory(bytes, recvTime, warnings)
  };
}

function readReason(number, warnings) {
  if (number > 0 && number < REASONS.length) {
    return REASONS[number];
  }
  warnings.push('reason ' + number + ' is reserved: update the codec');
  return 'unknown';
}

function readKind(number, warnings) {
  if (number < KINDS.length) {
    return KINDS[number];
  }
  warnings.push('kind ' + number + ' is reserved: update the codec');
  return 'unknown';
}

function readLevel(level, kind, warnings) {
  if (level === 1023) {
    return null;
  }
  if (level > 1000) {
    warnings.push('level ' + level + ' is reserved: read as unknown');
    return null;
  }
  if (kind !== 'ok') {
    warnings.push('a reading of kind ' + kind + ' has no level: ' + level + ' ignored');
    return null;
  }
  return level / 10;
}

function qualityIndicator(kind, pings) {
  if (kind !== 'ok') {
    return REJECTED[kind];
  }
  if (pings === 0) {
    return 0;
  }
  return pings >= 3 ? 4 : 3;
}

function readHistory(bytes, recvTime, warnings) {
  var history = [];
  var received = milliseconds(recvTime, warnings);
  for (var i = 8; i < bytes.length; i += 3) {
    history.push(readEarlier(bytes, i, received, warnings));
  }
  return history;
}

function readEarlier(bytes, i, received, warnings) {
  var age = bytes[i] << 6 | bytes[i + 1] >> 2;
  var level = (bytes[i + 1] & 0x03) << 8 | bytes[i + 2];
  var coarse = (age & 0x2000) !== 0;
  var count = age & 0x1fff;
  var reading = {
    age_s: count * (coarse ? 960 : 60),
    // half a unit of rounding and a second of the clock, and 5 % of the most that it stands for
    age_uncertainty_s: age === 0x3fff ? null : coarse ? count * 48 + 505 : count * 3 + 33,
    actual_filling_percentage: null,
    kind: 'unknown'
  };
  if (level <= 1000) {
    reading.actual_filling_percentage = level / 10;
    reading.kind = 'ok';
  } else if (level >= 1009 && level <= 1014) {
    reading.kind = KINDS[level - 1008];
  } else if (level !== 1023) {
    warnings.push('earlier reading ' + ((i - 5) / 3) + ': level ' + level + ' is reserved: read as unknown');
  }
  var time = received === null ? NaN : received - reading.age_s * 1000;
  if (!isNaN(new Date(time).getTime())) {
    reading.time = new Date(time).toISOString();
  }
  return reading;
}

function readDiagnostics(bytes, warnings) {
  var cause = bytes[0] & 0x0f;
  var step = bytes[1] >> 1 & 7;
  var bits = bytes[3] << 8 | bytes[4];
  var file = bytes[5] << 4 | bytes[6] >> 4;
  var line = (bytes[6] & 0x0f) << 8 | bytes[7];
  var firmware = bytes[8] << 8 | bytes[9];
  var recoveries = [];
  if (cause >= CAUSES.length) {
    warnings.push('reset cause ' + cause + ' is reserved: update the codec');
    cause = 0;
  }
  if (step >= STEPS.length) {
    warnings.push('step ' + step + ' is reserved: update the codec');
  }
  if (bytes[1] & 0xf0) {
    warnings.push('spare bits of byte 1 are set: ignored');
  }
  if (bits >> RECOVERIES.length) {
    warnings.push('reserved bits of the recoveries are set: update the codec');
  }
  for (var i = 0; i < RECOVERIES.length; i++) {
    if (bits >> i & 1) {
      recoveries.push(RECOVERIES[i]);
    }
  }
  return {
    version: 1,
    reset_cause: CAUSES[cause],
    safe_mode: (bytes[1] & 1) !== 0,
    crashes: bytes[2],
    recoveries: recoveries,
    crash: step === 0 ? null : {
      step: step < STEPS.length ? STEPS[step] : 'unknown',
      file_code: file === 0 ? null : ('00' + file.toString(16)).slice(-3),
      line: line === 0 ? null : line
    },
    firmware: firmware === 0 ? null : (firmware >> 12) + '.' + (firmware >> 6 & 63) + '.' + (firmware & 63)
  };
}

// Milliseconds since 1970 of a Date or of an ISO 8601 text; null when none was given
function milliseconds(recvTime, warnings) {
  if (recvTime === undefined || recvTime === null) {
    return null;
  }
  var time = NaN;
  try {
    time = new Date(recvTime).getTime();
  } catch (error) {
    // what has no time has the warning below
  }
  if (isNaN(time)) {
    warnings.push('recvTime is neither a Date nor an ISO 8601 text: the history has ages, but no times');
    return null;
  }
  return time;
}
