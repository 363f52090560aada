import ts from 'typescript';
import type { Plugin } from 'vite';

const nameOf = ({ name }: ts.ObjectLiteralElementLike) =>
	name && (ts.isStringLiteral(name) || ts.isIdentifier(name)) ? name.text : '';

const sortKeys: ts.TransformerFactory<ts.SourceFile> = (context) => {
	const visit = (node: ts.Node): ts.Node => {
		const seen = ts.visitEachChild(node, visit, context);
		if (!ts.isObjectLiteralExpression(seen)) return seen;
		const sorted = [...seen.properties].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
		return context.factory.updateObjectLiteralExpression(seen, sorted);
	};
	return (file) => ts.visitEachChild(file, visit, context);
};

/**
 * Houdini writes the fields of an artifact in a different order on every run. Sorted, two builds
 * of the same sources have the same bytes.
 */
export function stableArtifacts(): Plugin {
	return {
		name: 'stable-artifacts',
		enforce: 'pre',
		transform(code, id) {
			if (!/\/\.houdini\/artifacts\/[^/]+\.ts$/.test(id)) return;
			const { ESNext: target } = ts.ScriptTarget;
			const compilerOptions = { target, module: ts.ModuleKind.ESNext };
			const transformers = { before: [sortKeys] };
			return { code: ts.transpileModule(code, { compilerOptions, transformers }).outputText, map: null };
		}
	};
}
