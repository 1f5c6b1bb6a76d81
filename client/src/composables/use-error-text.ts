import { useI18n } from 'vue-i18n';
import type { ApiError } from '../matrix/api/result.ts';
import { engineErrorCode } from '../runtime/engine-error.ts';

/** Words for what went wrong, and never the server's own text alone: it may be in any language, or hostile. */
export const useErrorText = () => {
  const { t, te } = useI18n();
  const forCode = (code: string): string | undefined =>
    /^[A-Z_]+$/.test(code) && te(`error.${code}`) ? t(`error.${code}`) : undefined;
  const errorText = (error: ApiError): string => {
    if (error.status === 429) {
      return error.retryAfterMs === undefined
        ? t('error.M_LIMIT_EXCEEDED')
        : t('error.limited', { seconds: Math.max(1, Math.ceil(error.retryAfterMs / 1000)) });
    }
    const words = forCode(error.code);
    if (words !== undefined) return words;
    if (error.kind === 'http') {
      return error.status >= 500 ? t('error.server') : t('error.http', { code: error.code || error.status });
    }
    return t(`error.${error.kind}`);
  };
  return {
    errorText,
    /** For errors thrown by the crypto engine, or anything else. */
    thrownText: (error: unknown): string => forCode(engineErrorCode(error) ?? '') ?? t('error.INTERNAL'),
  };
};
