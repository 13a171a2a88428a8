// A peer of bench/ingest.py: sharp makes a 1440 px JPEG and a 250 px WebP, exiftool reads the metadata.
// Reads paths, one a line; answers each with an empty line. RAW: exiftool takes the camera's JPEG out of it first.
// Arguments: a folder to write to, and which edge has that length: "outside" is the short one, "inside" the long one.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ExifTool } from "exiftool-vendored";
import sharp from "sharp";

const [out, fit] = process.argv.slice(2);
const exiftool = new ExifTool({ maxProcs: 1 });
sharp.concurrency(1);
sharp.cache(false);

async function picture(path) {
  if (!path.endsWith(".dng")) return path;
  const preview = join(out, "inside.jpg");
  await rm(preview, { force: true });
  await exiftool.extractBinaryTag("PreviewImage", path, preview);
  return preview;
}

async function develop(path) {
  await exiftool.read(path);
  // decoded once, reduced while it is decoded, then two encoders from the same pixels
  const { data, info } = await sharp(await picture(path), { failOn: "error" })
    .autoOrient()
    .resize(1440, 1440, { fit, withoutEnlargement: true })
    .toColorspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const raw = { width: info.width, height: info.height, channels: info.channels };
  await sharp(data, { raw }).jpeg({ quality: 80, chromaSubsampling: "4:4:4" }).toFile(join(out, "preview.jpg"));
  await sharp(data, { raw }).resize(250, 250, { fit }).webp({ quality: 80 }).toFile(join(out, "thumbnail.webp"));
}

for await (const path of createInterface({ input: process.stdin })) {
  await develop(path);
  process.stdout.write("\n");
}
await exiftool.end();
