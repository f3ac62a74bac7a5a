import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { PICTURES } from './pictures.js';

// As the loader reads it where the bundler is Next's.
export default defineConfig({
  plugins: [react()],
  define: { 'process.env.NEXT_PUBLIC_TINTYPE_URL': JSON.stringify(PICTURES) },
});
