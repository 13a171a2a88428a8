// Blurred previews from ThumbHash (Evan Wallace, 2023: a few cosine coefficients of luminance, two colour axes, alpha).

function bytes(base64) {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

// RGBA pixels, at most SIDE to a side: the browser smooths the rest.
const SIDE = 20;

function decode(hash) {
  const low = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const high = hash[3] | (hash[4] << 8);
  const alpha = low >> 23;
  const wide = high >> 15;
  const dc = [(low & 63) / 63, ((low >> 6) & 63) / 31.5 - 1, ((low >> 12) & 63) / 31.5 - 1];
  const scale = [((low >> 18) & 31) / 31, ((high >> 3) & 63) / 63, ((high >> 9) & 63) / 63];
  const short = Math.max(3, alpha ? 5 : 7);
  const across = Math.max(3, wide ? short : high & 7);
  const down = Math.max(3, wide ? high & 7 : short);
  let nibble = 0;
  const start = alpha ? 6 : 5;
  const channel = (nx, ny, amount) => {
    const ac = [];
    for (let y = 0; y < ny; y++) {
      for (let x = y ? 0 : 1; x * ny < nx * (ny - y); x++) {
        const value = (hash[start + (nibble >> 1)] >> ((nibble++ & 1) << 2)) & 15;
        ac.push((value / 7.5 - 1) * amount);
      }
    }
    return { ac, nx, ny };
  };
  const channels = [
    channel(across, down, scale[0]),
    channel(3, 3, scale[1] * 1.25),
    channel(3, 3, scale[2] * 1.25),
  ];
  const width = Math.round(across > down ? SIDE : (SIDE * across) / down);
  const height = Math.round(across > down ? (SIDE * down) / across : SIDE);
  const columns = waves(width, 7);
  const rows = waves(height, 7);
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const [l, p, q] = channels.map((each, which) => dc[which] + sum(each, columns[x], rows[y]));
      const blue = l - (2 / 3) * p;
      const red = (3 * l - blue + q) / 2;
      pixels.set([255 * red, 255 * (red - q), 255 * blue, 255], at);
    }
  }
  return new ImageData(pixels, width, height);
}

// cos(pi * k * (i + 1/2) / n) for every pixel i and every wave k.
function waves(n, count) {
  return Array.from({ length: n }, (_, i) => Array.from({ length: count }, (_, k) => Math.cos((Math.PI * k * (i + 0.5)) / n)));
}

function sum({ ac, nx, ny }, column, row) {
  let value = 0;
  for (let v = 0, i = 0; v < ny; v++) {
    for (let u = v ? 0 : 1; u * ny < nx * (ny - v); u++, i++) value += ac[i] * column[u] * 2 * row[v];
  }
  return value;
}

const canvas = document.createElement("canvas");

export function paint(tile) {
  const { blur } = tile.dataset;
  if (!blur) return;
  delete tile.dataset.blur;
  try {
    const picture = decode(bytes(blur));
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d").putImageData(picture, 0, 0);
    tile.style.backgroundImage = `url("${canvas.toDataURL()}")`;
  } catch {
    // a blur that cannot be read is no loss: the average colour is there
  }
}
