import { sveltekit } from '@sveltejs/kit/vite';
import houdini from 'houdini/vite';
import { defineConfig } from 'vite';
import { stableArtifacts } from './stable-artifacts.ts';

export default defineConfig({
	plugins: [stableArtifacts(), houdini(), sveltekit()],
	build: { sourcemap: false },
	// The image carries no node_modules: everything must be inside build/.
	ssr: { noExternal: true }
});
