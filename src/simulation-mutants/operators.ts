/**
 * Small mechanical changes of a module, found in its syntax tree. Left alone are invariants (they hold), what is only
 * told to people, and conditions of loops (a loop without end leaves no trace to check).
 */
import type typescript from 'typescript';
import type { Node, SourceFile } from 'typescript';

export interface Change {
  readonly operator: 'comparison' | 'off-by-one' | 'negation' | 'dropped' | 'swapped' | 'connective';
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Name of the function around it. */
  readonly within: string;
  /** The smallest statement or condition around it, as it was: for people, and to recognise it in other versions. */
  readonly context: string;
}

type Compiler = typeof typescript;
/** `last`: the end of what is replaced, where that is more than one node. */
type Proposal = Pick<Change, 'operator' | 'text'> & { readonly node: Node; readonly last?: Node };

const comparisons: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
};
const connectives: Readonly<Record<string, string>> = { '&&': '||', '||': '&&' };

/** Of calls by these names neither they nor their arguments are changed. */
const untouched = /^(invariant|warn|info|error|debug|count|counter|report|describe)$/;

/** Every change that the operators offer, in the order of the text. */
export function changesOf(compiler: Compiler, file: string, source: string): readonly Change[] {
  const tree = compiler.createSourceFile(file, source, compiler.ScriptTarget.ES2022, true);
  const changes: Change[] = [];
  const visit = (node: Node, within: string): void => {
    if (isLeftAlone(compiler, node)) return;
    const name = nameOf(compiler, node) ?? within;
    if (within !== '') {
      for (const { operator, text, node: at, last = at } of proposalsFor(compiler, tree, node)) {
        const context = contextOf(compiler, at).getText(tree).replace(/\s+/g, ' ');
        changes.push({ operator, start: at.getStart(tree), end: last.getEnd(), text, within: name, context });
      }
    }
    compiler.forEachChild(node, (child) => visit(child, name));
  };
  visit(tree, '');
  return changes;
}

function isLeftAlone(compiler: Compiler, node: Node): boolean {
  if (compiler.isTypeNode(node) || compiler.isImportDeclaration(node) || compiler.isThrowStatement(node)) return true;
  if (!compiler.isCallExpression(node)) return false;
  const { expression } = node;
  const called = compiler.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
  return untouched.test(called);
}

function nameOf(compiler: Compiler, node: Node): string | null {
  if (compiler.isFunctionDeclaration(node) || compiler.isMethodDeclaration(node)) return node.name?.getText() ?? null;
  if (compiler.isConstructorDeclaration(node)) return 'constructor';
  if (!compiler.isVariableDeclaration(node)) return null;
  const { initializer } = node;
  return initializer !== undefined && compiler.isArrowFunction(initializer) ? node.name.getText() : null;
}

function proposalsFor(compiler: Compiler, tree: SourceFile, node: Node): readonly Proposal[] {
  if (compiler.isBinaryExpression(node)) return ofBinary(compiler, tree, node);
  if (compiler.isIfStatement(node)) {
    const { expression } = node;
    return [{ operator: 'negation', node: expression, text: `!(${expression.getText(tree)})` }];
  }
  if (compiler.isExpressionStatement(node)) {
    const { expression } = node;
    const isEffect = compiler.isCallExpression(expression) || isAssignment(compiler, expression);
    const isKept = isLeftAlone(compiler, expression) || drivesLoop(compiler, tree, node, expression);
    return isEffect && !isKept ? [{ operator: 'dropped', node, text: ';' }] : [];
  }
  if (compiler.isCallExpression(node)) return ofArguments(compiler, tree, node);
  return [];
}

function ofBinary(compiler: Compiler, tree: SourceFile, node: typescript.BinaryExpression): readonly Proposal[] {
  const sign = node.operatorToken.getText(tree);
  if (isLoopCondition(compiler, node)) return [];
  const compared = comparisons[sign];
  // A comparison with undefined is a lookup; with the sign turned round it would only crash.
  if (compared !== undefined && node.right.getText(tree) !== 'undefined') {
    return [{ operator: 'comparison', node: node.operatorToken, text: compared }];
  }
  const connected = connectives[sign];
  if (connected !== undefined) return [{ operator: 'connective', node: node.operatorToken, text: connected }];
  const isStep = (sign === '+' || sign === '-') && compiler.isNumericLiteral(node.right);
  return isStep
    ? [{ operator: 'off-by-one', node: node.right, text: String(Number(node.right.getText(tree)) - 1) }]
    : [];
}

/** Two arguments side by side whose parameters are declared alike in the same file; of comparisons, both. */
function ofArguments(compiler: Compiler, tree: SourceFile, call: typescript.CallExpression): readonly Proposal[] {
  const called = call.expression.getText(tree);
  const types = parameterTypes(compiler, tree, called);
  for (let at = 1; at < call.arguments.length; at++) {
    const [first, second] = [call.arguments[at - 1], call.arguments[at]] as [Node, Node];
    const isAlike = called.startsWith('compare') || (types[at] !== undefined && types[at] === types[at - 1]);
    if (!isAlike || first.getText(tree) === second.getText(tree)) continue;
    return [
      { operator: 'swapped', node: first, last: second, text: `${second.getText(tree)}, ${first.getText(tree)}` },
    ];
  }
  return [];
}

function parameterTypes(compiler: Compiler, tree: SourceFile, called: string): readonly (string | undefined)[] {
  for (const statement of tree.statements) {
    if (!compiler.isFunctionDeclaration(statement) || statement.name?.text !== called) continue;
    return statement.parameters.map(({ type }) => type?.getText(tree));
  }
  return [];
}

/** Whether an assignment changes what the condition of a loop around it looks at. */
function drivesLoop(compiler: Compiler, tree: SourceFile, statement: Node, expression: Node): boolean {
  const changed = compiler.isBinaryExpression(expression) ? expression.left : expression;
  const name = changed.getText(tree).split(/[.(]/)[0] ?? '';
  for (let at = statement.parent; at !== tree; at = at.parent) {
    const condition = compiler.isForStatement(at)
      ? at.condition
      : compiler.isWhileStatement(at) || compiler.isDoStatement(at)
        ? at.expression
        : undefined;
    if (condition?.getText(tree).includes(name) === true) return true;
  }
  return false;
}

const isAssignment = (compiler: Compiler, node: Node): boolean =>
  compiler.isBinaryExpression(node) &&
  node.operatorToken.kind >= compiler.SyntaxKind.FirstAssignment &&
  node.operatorToken.kind <= compiler.SyntaxKind.LastAssignment;

function isLoopCondition(compiler: Compiler, node: Node): boolean {
  for (let at: Node = node; !compiler.isStatement(at); at = at.parent) {
    const { parent } = at;
    if (compiler.isForStatement(parent)) return at !== parent.statement;
    if (compiler.isWhileStatement(parent) || compiler.isDoStatement(parent)) return at === parent.expression;
  }
  return false;
}

function contextOf(compiler: Compiler, node: Node): Node {
  let at = node;
  while (!compiler.isStatement(at) && !compiler.isIfStatement(at.parent) && !compiler.isArrowFunction(at.parent))
    at = at.parent;
  return at;
}
