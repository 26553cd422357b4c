// The page as files that the gateway serves: src/doorward/web. Names without hashes, since they are cached by ETag and
// a changed name would be noise in every commit.
import { defineConfig } from "vite";

const gateway = process.env.HOUSE_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "/",
  publicDir: "public",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../src/doorward/web",
    emptyOutDir: true,
    assetsDir: "assets",
    target: "es2022",
    modulePreload: { polyfill: false },
    cssCodeSplit: true,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: (chunk) => `assets/${chunk.name.toLowerCase()}.js`,
        assetFileNames: "assets/[name][extname]",
        // What the chat and the console share. The console is loaded by those who open it.
        codeSplitting: {
          groups: [
            { name: "base", test: /node_modules\/(@preact|preact)\/|src\/(api|parts|state|strings)/ },
          ],
        },
      },
    },
  },
  server: {
    // `npm run dev` beside a running house.
    proxy: Object.fromEntries(
      ["/api", "/chat", "/session", "/oauth2", "/page-config.json", "/.well-known", "/logout", "/sign-in.css"].map(
        (path) => [path, { target: gateway, changeOrigin: false }],
      ),
    ),
  },
});
