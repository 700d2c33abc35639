/** The linter's rules. */

import { defineConfig, globalIgnores } from "eslint/config";
import { configs } from "typescript-eslint";

export default defineConfig(
  globalIgnores(["dist", "src/gen", "**/*.js"]),
  configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true } } },
  {
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_", argsIgnorePattern: "^_" }],
      "@typescript-eslint/no-deprecated": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      // An async generator need not wait for anything.
      "@typescript-eslint/require-await": "off",
      "no-console": "error",
      eqeqeq: "error",
    },
  },
);
