# What a first Dockerfile looks like: one stage, everything copied, then installed.
FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && pip install --root-user-action=ignore --require-hashes -r requirements.lock
EXPOSE 8000
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000"]
